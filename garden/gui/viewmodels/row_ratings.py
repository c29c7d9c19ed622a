"""Verdicts of the rows of a search: anew when the machine, its speeds, or the machine that is looked through change."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from garden.core.events import MachineRead, SpeedsChanged, WhatIfChanged
from garden.core.quantity import format_tokens
from garden.core.run_configuration import DEFAULT_CONTEXT_LENGTH
from garden.services.browse import ordered

if TYPE_CHECKING:
    from garden.core.model_query import ModelQuery
    from garden.gui.bridge.event_pump import EventPump
    from garden.gui.viewmodels.model_list import ModelListModel
    from garden.services.garden import Garden
    from garden.services.rated_model import RatedModel

#: Rows that are rated anew at once, away from the Qt thread, which draws in between.
_AT_ONCE = 200


class RowRatings(QObject):
    """Rates what a list has loaded, every row under one load.

    Args:
        garden: Rates.
        pump: Brings answers to the Qt thread.
        models: The list.
        parent: Qt parent.

    Signals:
        changed: All rows were rated anew.
    """

    changed = Signal()

    def __init__(self, garden: Garden, pump: EventPump, models: ModelListModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._models = models
        self._rating = 0
        self._unsettled = False
        pump.on(WhatIfChanged, self._on_what_if_changed)
        pump.on(SpeedsChanged, self._on_speeds_changed)
        pump.on(MachineRead, self._on_machine_read)

    @property
    def basis(self) -> str:
        """The one load that every row is rated under: ``16k context, f16 cache``."""
        settings = self._garden.settings.current
        context = format_tokens(settings.context_length or DEFAULT_CONTEXT_LENGTH)
        return f"{context} context, {settings.kv_type} cache"

    def seen_through(self, query: ModelQuery, rows: Sequence[RatedModel]) -> Sequence[RatedModel]:
        """Rows come rated and ordered for this machine; where another one stands for it, they are for that."""
        return rows if self._garden.what_if.chosen is None else ordered(query, self._rated(rows))

    def rate_again(self, repo_id: str) -> None:
        """Headers of a repository were read: its row says what they say, under the load of all rows."""
        row = self._models.loaded_row(repo_id)
        if row is not None:
            self._pump.run(lambda: self._rated([row]), self._models.take_ratings, lambda _error: None, receiver=self)

    def _on_what_if_changed(self, _event: WhatIfChanged) -> None:
        self._unsettled = True
        self._rate_anew()

    def _on_speeds_changed(self, _event: SpeedsChanged) -> None:
        self._unsettled = True
        self._rate_anew()

    def _on_machine_read(self, _event: MachineRead) -> None:
        # Free memory moves all day, and nobody asked for it: verdicts follow, rows stay where they are.
        self._rate_anew()

    def _rate_anew(self) -> None:
        """All rows that came, some at a time, those that are shown first; rows move at most once all are rated."""
        self._rating += 1
        self._rate_some(self._rating, self._models.loaded_rows)

    def _rate_some(self, rating: int, rows: Sequence[RatedModel]) -> None:
        now, later = rows[:_AT_ONCE], rows[_AT_ONCE:]

        def rated(anew: Sequence[RatedModel]) -> None:
            if rating != self._rating:
                return
            self._models.take_ratings(anew)
            if later:
                self._rate_some(rating, later)
                return
            if self._unsettled:
                self._unsettled = False
                self._models.settle()
            self.changed.emit()

        if now:
            self._pump.run(lambda: self._rated(now), rated, lambda _error: None, receiver=self)
        else:
            self._unsettled = False

    def _rated(self, rows: Sequence[RatedModel]) -> list[RatedModel]:
        rating, machine = self._garden.rows, self._garden.what_if.snapshot
        return [dataclasses.replace(row, forecast=rating.rate(row.summary, machine)) for row in rows]
