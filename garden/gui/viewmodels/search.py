"""The search of Discover: what was asked, what came back, what went wrong."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from garden.core.errors import CancelledByUser, GardenError, RateLimitedError
from garden.core.model_query import ModelQuery
from garden.gui.viewmodels.model_list import ModelListModel
from garden.gui.viewmodels.row_ratings import RowRatings
from garden.gui.viewmodels.typed_address import pasted_address, typed_hint
from garden.hub.address import parse_address
from garden.services.browse import SCREENFUL, hub_part, passing

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.gui.viewmodels.search_pieces import Piece
    from garden.hub.address import PastedAddress
    from garden.jobs.handle import Handle
    from garden.services.catalog import CatalogPage
    from garden.services.garden import Garden

#: Typing pauses shorter than this do not start a search.
DEBOUNCE_MS = 300


class SearchViewModel(QObject):
    """Runs one search at a time; an answer to an older question is dropped.

    Signals:
        busy_changed: A first page is under way, or no longer.
        changed: Rows, problem or query changed.
        repository_requested: An address was pasted, or entered; its ``owner/name``, and the file or type that it names
            (or nothing).
    """

    busy_changed = Signal(bool)
    changed = Signal()
    repository_requested = Signal(str, str)

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._query = self._shown = ModelQuery()
        self._handle: Handle[CatalogPage] | None = None
        self._seen: Handle[CatalogPage] | None = None
        self._first_page = True
        self._cursor: str | None = None
        self._exhausted = False
        self._problem: GardenError | None = None
        self._ever_answered = False
        self._from_index = False
        self._asked = False
        self._hint = self._asked_text = ""
        self.models = ModelListModel(self)
        self.models.more_wanted.connect(self._on_more_wanted)
        self.ratings = RowRatings(garden, pump, self.models, self)
        self.ratings.changed.connect(self.changed)
        self._debounce = QTimer(self)
        self._debounce.setSingleShot(True)
        self._debounce.setInterval(DEBOUNCE_MS)
        self._debounce.timeout.connect(self.search)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.timeout.connect(self._go_on)

    @property
    def query(self) -> ModelQuery:
        """What the next search asks."""
        return self._query

    @property
    def busy(self) -> bool:
        """Whether a first page is under way."""
        return self._handle is not None and self._first_page

    @property
    def looking(self) -> bool:
        """Whether any page is under way."""
        return self._handle is not None

    @property
    def can_look_further(self) -> bool:
        """Whether a search has ended for its number of pages, and further pages may hold what passes."""
        return self._exhausted and self._cursor is not None and self._handle is None

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
    def asked(self) -> bool:
        """Whether the Hub was asked since the start."""
        return self._asked

    def read_seen(self) -> None:
        """Begin to read what was seen before; it shows when it is there, until the Hub has answered."""
        query = self._query
        self._seen = self._pump.run(
            lambda: self._garden.browse.seen(query),
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

    def _on_seen(self, query: ModelQuery, page: CatalogPage) -> None:
        if page.rows and query == self._query and not self._ever_answered and not self._from_index:
            self._from_index = True
            self.models.replace(page.rows, more=False)
            self.changed.emit()

    @property
    def hint(self) -> str:
        """What to do with the address that is being typed; empty while words are."""
        return self._hint

    def set_text(self, text: str) -> None:
        """Search for this once typing pauses; what becomes an address waits for Enter, and is not looked for."""
        text = " ".join(text.split())
        self._show_hint(typed_hint(text, self._garden.catalog.endpoint))
        if self._hint:
            if self._debounce.isActive():
                # The letters before this one were its beginning.
                self._debounce.stop()
                self._query = dataclasses.replace(self._query, text=self._asked_text)
        elif text != self._query.text:
            self._query = dataclasses.replace(self._query, text=text)
            self._debounce.start()

    def paste(self, text: str, came: str) -> None:
        """Something came in at once, and this stands there now: an address opens its page."""
        self._open_page(pasted_address(text, came, self._garden.catalog.endpoint))

    def submit(self, text: str) -> None:
        """Enter was pressed: search at once; ``owner/name`` opens its page."""
        if not self._open_page(parse_address(text, self._garden.catalog.endpoint)):
            self.look_for(" ".join(text.split()))

    def look_for(self, text: str) -> None:
        """Search for these words now, unless what is shown answers them."""
        self._show_hint("")
        if text != self._query.text or self._debounce.isActive():
            self._query = dataclasses.replace(self._query, text=text)
            self.search()

    def _open_page(self, address: PastedAddress | None) -> bool:
        if address is None:
            return False
        # First, so that whoever opens the page finds the list under way to the same.
        self.look_for(address.repo_id)
        self.repository_requested.emit(address.repo_id, address.file)
        return True

    def _show_hint(self, hint: str) -> None:
        if hint != self._hint:
            self._hint = hint
            self.changed.emit()

    def change(self, query: ModelQuery) -> None:
        """Ask something else; where only filters differ that the Hub lacks, what is loaded is filtered at once."""
        if query == self._query:
            return
        local = _asks_the_same(query, self._query) and self._ever_answered and not self.busy
        self._query = query
        if not local:
            self.search()
            return
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._shown = query
        self._exhausted = False
        self.models.set_query(query)
        self.changed.emit()
        self._fill()

    def forget(self) -> None:
        """Take away what came: it was for another account, or from another Hub."""
        busy = self.busy
        self._pause.stop()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._seen = self._cursor = self._problem = None
        self._from_index = False
        self.models.replace((), more=False)
        if busy:
            self.busy_changed.emit(False)
        self.changed.emit()

    def clear_filters(self) -> None:
        """Take every filter away, keep the words."""
        self.change(self._query.plain)

    @Slot()
    def look_further(self) -> None:
        """Go on after a search that has ended for its number of pages."""
        if self.can_look_further:
            self._ask(self._cursor)
            self.changed.emit()

    @Slot()
    def search(self) -> None:
        """Ask for the first page now."""
        self._debounce.stop()
        self._ask(None)
        self.busy_changed.emit(True)
        self.changed.emit()

    @Slot()
    def _go_on(self) -> None:
        """The Hub may be asked again: for the page that it refused, so that those which came stay where they are."""
        if self._first_page or self._cursor is None or self._query != self._shown:
            self.search()
        else:
            self._on_more_wanted()
            self.changed.emit()

    def _ask(self, cursor: str | None) -> None:
        # Once something is asked for, and not for the first paint.
        from garden.gui.viewmodels.search_pieces import SearchPieces

        self._pause.stop()
        if self._handle is not None:
            self._handle.cancel()
        self._asked, self._asked_text = True, self._query.text
        self._first_page = cursor is None
        self._exhausted = False
        pieces = SearchPieces()
        handle = self._handle = self._garden.browse.search(self._query, cursor, found=pieces.put)
        handle.on_done(lambda _handle: pieces.end())
        self._watch_piece(handle, pieces.first)
        # An older handle may still end; what it brings must not show.
        self._pump.watch(
            handle,
            lambda page: self._on_answered(handle, page),
            lambda error: self._on_failed(handle, error),
            receiver=self,
        )

    def _watch_piece(self, handle: Handle[CatalogPage], piece: Handle[Piece]) -> None:
        self._pump.watch(piece, lambda found: self._on_piece(handle, found), lambda _ended: None, receiver=self)

    def _on_piece(self, handle: Handle[CatalogPage], piece: Piece) -> None:
        """A page of a search that goes on."""
        if handle is self._handle:
            page, after = piece
            self._show_page(page, more=False)
            self._watch_piece(handle, after)
            self.changed.emit()

    def _show_page(self, page: CatalogPage, *, more: bool) -> None:
        """What it brings; rows that are there already are not repeated."""
        self._problem = None
        self._cursor = page.cursor
        self._ever_answered = True
        self._from_index = page.from_index
        rows = self.ratings.seen_through(self._query, page.rows)
        if self._first_page:
            self._shown = self._query
            self.models.replace(rows, more=more, query=self._query)
            self._first_page = False
            self.busy_changed.emit(False)
        else:
            self.models.append(rows, more=more)

    def _on_answered(self, handle: Handle[CatalogPage], page: CatalogPage) -> None:
        if handle is not self._handle:
            return
        self._handle = None
        # A screenful that did not come about although ten pages were looked through: the user says whether to go on.
        few = self._query.is_filtered_here and len(passing(self._query, page.rows)) < SCREENFUL
        self._exhausted = few and page.cursor is not None
        self._show_page(page, more=page.cursor is not None and not few)
        self.changed.emit()

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

    def _fill(self) -> None:
        """Rows that are left out may leave the list too short to scroll, which is what asks for more."""
        if self._query.is_filtered_here and self.models.rowCount() < SCREENFUL:
            self._on_more_wanted()
            self.changed.emit()


def _asks_the_same(one: ModelQuery, other: ModelQuery) -> bool:
    """Whether the Hub would be asked the same, so that what it has answered serves both."""
    asked, other_asked = (dataclasses.replace(hub_part(each), limit=1) for each in (one, other))
    return (one.sort, one.mine, asked) == (other.sort, other.mine, other_asked)
