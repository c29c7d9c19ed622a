"""What is read from the files of panes: whether they fit, whether they chat, how long they were trained to read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from garden.core.errors import GardenError
from garden.core.events import MachineRead
from garden.core.fit_forecast import FitForecast
from garden.core.run_configuration import LoadParameters, RunConfiguration

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.services.garden import Garden


@dataclass(frozen=True, slots=True, kw_only=True)
class PaneFacts:
    """What is known of a pane's file; nothing until it was read.

    Attributes:
        forecast: What it needs here when loaded like this.
        has_template: Whether it carries a chat template.
        context_length: Context it was trained for.
    """

    forecast: FitForecast | None = None
    has_template: bool | None = None
    context_length: int | None = None

    def note(self, run: RunConfiguration) -> str:
        """A sentence that the user should know before asking, empty for none."""
        if self.has_template is False and run.ask.template in ("file", "none"):
            return "A base model without a chat template: it continues your text instead of answering."
        if self.context_length and run.load.context_length > self.context_length:
            return f"Trained for {self.context_length:,} tokens; beyond that it may lose the thread."
        return ""


class PaneFactsReader(QObject):
    """Reads each file once per way of loading it, and forecasts again with the memory that is free now.

    Both happen away from the Qt thread.

    Args:
        garden: Reads headers and forecasts.
        pump: Runs the reading.
        parent: Qt parent.

    Signals:
        facts_read: More is known of some file.
    """

    facts_read = Signal()

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._facts: dict[tuple[str | None, LoadParameters], PaneFacts] = {}
        self._runs: tuple[RunConfiguration, ...] = ()
        pump.on(MachineRead, self._on_machine_read)

    def of(self, run: RunConfiguration) -> PaneFacts:
        """What is known of a configuration's file."""
        return self._facts.get((run.model.path, run.load), PaneFacts())

    def read(self, runs: Iterable[RunConfiguration]) -> None:
        """Read what is not known yet of the panes at hand."""
        self._runs = tuple(runs)
        for run in self._runs:
            key = (run.model.path, run.load)
            if key not in self._facts:
                self._facts[key] = PaneFacts()
                self._read(run)

    def _on_machine_read(self, _event: MachineRead) -> None:
        for run in self._runs:
            self._read(run)

    def _read(self, run: RunConfiguration) -> None:
        def work() -> PaneFacts:
            header = self._garden.fit.header(run.model)
            return PaneFacts(
                forecast=self._garden.fit.forecast(run.model, run.load),
                has_template=header.chat_template is not None,
                context_length=header.context_length,
            )

        def known(facts: PaneFacts) -> None:
            key = (run.model.path, run.load)
            if facts != self._facts.get(key):
                self._facts[key] = facts
                self.facts_read.emit()

        def unreadable(_error: GardenError) -> None:
            """A file that cannot be read is told of when it is asked; it may be back by then."""
            self._facts.pop((run.model.path, run.load), None)

        self._pump.run(work, known, unreadable, receiver=self)
