"""The search of Discover: what was asked, what came back, what went wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from garden.core.errors import CancelledByUser, GardenError, RateLimitedError
from garden.core.events import MachineRead, WhatIfChanged
from garden.gui.viewmodels.model_list import ModelListModel
from garden.hub.address import is_repo_id, parse_repo_id
from garden.hub.search_query import SearchQuery

if TYPE_CHECKING:
    from garden.core.catalog import ModelSummary
    from garden.gui.bridge.event_pump import EventPump
    from garden.jobs.handle import Handle
    from garden.services.catalog import CatalogPage, RatedModel
    from garden.services.garden import Garden

#: Typing pauses shorter than this do not start a search.
DEBOUNCE_MS = 300

#: With "Runs here" on, further pages are fetched until this many rows show …
_WANTED_ROWS = 20
#: … but not past this many loaded ones: the Hub limits requests.
_MOST_LOADED = 300


class SearchViewModel(QObject):
    """Runs one search at a time; an answer to an older question is dropped.

    Signals:
        busy_changed: A first page is under way, or no longer.
        changed: Rows, problem or query changed.
        repository_requested: An address was pasted; its ``owner/name``.
    """

    busy_changed = Signal(bool)
    changed = Signal()
    repository_requested = Signal(str)

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._query = self._shown = SearchQuery()
        self._handle: Handle[CatalogPage] | None = None
        self._seen: Handle[CatalogPage] | None = None
        self._first_page = True
        self._cursor: str | None = None
        self._problem: GardenError | None = None
        self._ever_answered = False
        self._from_index = False
        self._asked = False
        self.models = ModelListModel(self)
        self.models.more_wanted.connect(self._on_more_wanted)
        pump.on(WhatIfChanged, self._on_what_if_changed)
        pump.on(MachineRead, self._on_machine_read)
        self._debounce = QTimer(self)
        self._debounce.setSingleShot(True)
        self._debounce.setInterval(DEBOUNCE_MS)
        self._debounce.timeout.connect(self.search)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.timeout.connect(self.search)

    @property
    def query(self) -> SearchQuery:
        """What the next search asks."""
        return self._query

    @property
    def busy(self) -> bool:
        """Whether a first page is under way."""
        return self._handle is not None and self._first_page

    @property
    def problem(self) -> GardenError | None:
        """Why there is no answer, None when there is one."""
        return self._problem

    @property
    def answered(self) -> bool:
        """Whether any answer has come since the start."""
        return self._ever_answered

    @property
    def from_index(self) -> bool:
        """Whether the rows are what was seen before, not the Hub's answer of now."""
        return self._from_index

    @property
    def seconds_until_retry(self) -> float | None:
        """After a rate limit, how long until the search goes on by itself."""
        remaining = self._pause.remainingTime()
        return remaining / 1000 if remaining >= 0 else None

    @property
    def narrowing(self) -> tuple[str, ...]:
        """The filters that are set, by name."""
        query = self._query
        named: Mapping[str, object] = {
            "Runs here": self.models.only_running,
            "Task": query.task,
            "Licence": query.license,
            "Parameters": query.max_parameters,
        }
        return tuple(name for name, value in named.items() if value)

    @property
    def asked(self) -> bool:
        """Whether the Hub was asked since the start."""
        return self._asked

    def read_seen(self) -> None:
        """Begin to read what was seen before; it shows when it is there, until the Hub has answered."""
        query = self._query
        self._seen = self._pump.run(
            lambda: self._garden.catalog.seen(query),
            lambda page: self._on_seen(query, page),
            lambda _error: None,
            receiver=self,
            ahead=True,
        )

    def show_seen(self) -> None:
        """Show what was seen before, where it was read already: the first paint has rows then."""
        if self._seen is not None and self._seen.done and self._seen.error is None:
            self._on_seen(self._query, self._seen.result(0))
        self.changed.emit()

    def _on_seen(self, query: SearchQuery, page: CatalogPage) -> None:
        if page.rows and query == self._query and not self._ever_answered and not self._from_index:
            self._from_index = True
            self.models.replace(page.rows, more=False)
            self.changed.emit()

    def set_text(self, text: str) -> None:
        """Search for this once typing pauses; a pasted address opens its page instead."""
        # A plain owner/name may still become a longer word: it is a search until Enter is pressed.
        repo_id = None if is_repo_id(text.strip()) else parse_repo_id(text, self._garden.catalog.endpoint)
        if repo_id is not None:
            self._debounce.stop()
            self.repository_requested.emit(repo_id)
            return
        text = " ".join(text.split())
        if text != self._query.text:
            self._query = dataclasses.replace(self._query, text=text)
            self._debounce.start()

    def submit(self, text: str) -> None:
        """Enter was pressed: search at once; ``owner/name`` opens its page."""
        repo_id = parse_repo_id(text, self._garden.catalog.endpoint)
        if repo_id is not None:
            self._debounce.stop()
            self.repository_requested.emit(repo_id)
            return
        self.set_text(text)
        if self._debounce.isActive():
            self.search()

    def narrow(
        self,
        *,
        task: str | None = None,
        license_id: str | None = None,
        max_parameters: int | None = None,
    ) -> None:
        """Search with exactly these filters; None takes one away."""
        query = dataclasses.replace(self._query, task=task, license=license_id, max_parameters=max_parameters)
        if query != self._query:
            self._query = query
            self.search()

    def set_sort(self, sort: str) -> None:
        """Search in another order."""
        if sort != self._query.sort:
            self._query = dataclasses.replace(self._query, sort=sort)
            self.search()

    def set_only_running(self, only: bool) -> None:
        """Show only what runs on this machine."""
        self.models.set_only_running(only)
        self.changed.emit()
        self._fill()

    def clear_filters(self) -> None:
        """Take every filter away, keep the words."""
        self.models.set_only_running(False)
        self._query = SearchQuery(text=self._query.text, sort=self._query.sort)
        self.search()

    @Slot()
    def search(self) -> None:
        """Ask for the first page now."""
        self._debounce.stop()
        self._pause.stop()
        self._ask(None)
        self.busy_changed.emit(True)
        self.changed.emit()

    def _ask(self, cursor: str | None) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._asked = True
        self._first_page = cursor is None
        handle = self._handle = self._garden.catalog.search(self._query, cursor)
        # An older handle may still end; what it brings must not show.
        self._pump.watch(
            handle,
            lambda page: self._on_answered(handle, page),
            lambda error: self._on_failed(handle, error),
            receiver=self,
        )

    def _on_answered(self, handle: Handle[CatalogPage], page: CatalogPage) -> None:
        if handle is not self._handle:
            return
        self._handle = None
        self._problem = None
        self._cursor = page.cursor
        self._ever_answered = True
        self._from_index = page.from_index
        if self._first_page:
            self._shown = self._query
            self.models.replace(self._seen_through(page.rows), more=page.cursor is not None)
            self.busy_changed.emit(False)
        else:
            self.models.append(self._seen_through(page.rows), more=page.cursor is not None)
        self.changed.emit()
        self._fill()

    def _on_failed(self, handle: Handle[CatalogPage], error: GardenError) -> None:
        if handle is not self._handle or isinstance(error, CancelledByUser):
            return
        self._handle = None
        self._problem = error
        if isinstance(error, RateLimitedError) and error.retry_after_seconds:
            self._pause.start(max(1, round(error.retry_after_seconds * 1000)))
        if self._first_page:
            if self._query != self._shown:
                # What stands there answers another question.
                self._cursor = None
                self.models.replace((), more=False)
            self.busy_changed.emit(False)
        else:
            # Scrolling to the end again is the way to try again.
            self.models.append((), more=True)
        self.changed.emit()

    @Slot()
    def _on_more_wanted(self) -> None:
        if self._handle is None and self._cursor is not None:
            self._ask(self._cursor)

    def _on_what_if_changed(self, _event: WhatIfChanged) -> None:
        self.models.forget_forecasts()
        self._rate_anew()

    def _on_machine_read(self, _event: MachineRead) -> None:
        self._rate_anew()

    def _rate_anew(self) -> None:
        summaries = self.models.summaries
        if not summaries:
            return
        self._pump.run(lambda: self._rated(summaries), self.models.take_ratings, lambda _error: None, receiver=self)

    def _seen_through(self, rows: Sequence[RatedModel]) -> Sequence[RatedModel]:
        """Rows come rated for this machine; where another one stands for it, they are rated for that."""
        chosen = self._garden.what_if.chosen
        return rows if chosen is None else self._rated([row.summary for row in rows])

    def _rated(self, summaries: Sequence[ModelSummary]) -> Sequence[RatedModel]:
        from garden.services.catalog import RatedModel

        fit, machine = self._garden.fit, self._garden.what_if.snapshot
        return [RatedModel(summary=each, forecast=fit.rough(each, machine=machine)) for each in summaries]

    def _fill(self) -> None:
        """Rows that are left out may leave the list too short to scroll, which is what asks for more."""
        short = self.models.only_running and self.models.rowCount() < _WANTED_ROWS
        if short and self._cursor is not None and self.models.loaded < _MOST_LOADED:
            self._on_more_wanted()
