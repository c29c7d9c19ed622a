"""What if: one well-known model on this machine and on others."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from garden.core.errors import GardenError
from garden.core.events import MachineRead, WhatIfChanged
from garden.core.fit_forecast import FitForecast
from garden.core.imagined_machine import ImaginedMachine
from garden.core.paths import resource_path
from garden.core.quantity import format_tokens
from garden.fit.published_model import PublishedModel, published_models

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.services.garden import Garden

#: What is asked first: a mixture of experts, which machines of one size run very differently.
_FIRST_MODEL = "Qwen/Qwen3-30B-A3B"

CONTEXTS = (4_096, 8_192, 16_384, 32_768, 65_536, 131_072)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfRow:
    """One machine.

    Attributes:
        machine: None for this one.
        forecast: How the model would run there.
        chosen: Whether verdicts everywhere are for it now.
    """

    machine: ImaginedMachine | None
    forecast: FitForecast
    chosen: bool

    @property
    def title(self) -> str:
        """What it is called."""
        return "This machine" if self.machine is None else self.machine.title

    @property
    def speed(self) -> str:
        """Tokens per second: what was measured here, of another machine what its memory allows at most."""
        speed = self.forecast.decode_tokens_per_second
        if speed is None:
            return "–"
        digits = f"{speed:.0f}" if speed >= 10 else f"{speed:.1f}"
        return f"≈ {digits}" if self.machine is None else f"≤ {digits}"


class WhatIfViewModel(QObject):
    """Forecasts one model on each machine of the list, away from the Qt thread.

    Signals:
        changed: Rows, model or choice changed.
        said: A sentence, and what helps.
    """

    changed = Signal()
    said = Signal(str, str)

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._looked_at = False
        self._asking = self._ask_again = False
        self.models: tuple[PublishedModel, ...] = ()
        self.model: PublishedModel | None = None
        self.quant_type = "Q4_K_M"
        self.context_length = 16_384
        self.rows: tuple[WhatIfRow, ...] = ()
        pump.on(WhatIfChanged, self._on_changed)
        pump.on(MachineRead, self._on_changed)

    @property
    def subject(self) -> str:
        """``Qwen3 30B-A3B, Q4_K_M, 16k``."""
        if self.model is None:
            return ""
        return f"{self.model.name}, {self.quant_type}, {format_tokens(self.context_length)}"

    def watch(self, looked_at: bool) -> None:
        """Forecast while someone looks."""
        self._looked_at = looked_at
        if looked_at:
            self._forecast()

    # What the user does

    def choose_model(self, repo_id: str) -> None:
        """Ask about another model."""
        self.model = next((model for model in self.models if model.repo_id == repo_id), self.model)
        self._forecast()

    def choose_type(self, quant_type: str) -> None:
        """Ask about another type of weights."""
        self.quant_type = quant_type
        self._forecast()

    def choose_context(self, context_length: int) -> None:
        """Ask about another context."""
        self.context_length = context_length
        self._forecast()

    def look_through(self, row: WhatIfRow) -> None:
        """Let a machine stand for this one in every verdict; the one that does already stands for it no more."""
        self._garden.what_if.choose(None if row.chosen else row.machine)

    def add(self, machine: ImaginedMachine) -> bool:
        """Compare with a further machine.

        Returns:
            Whether it was taken; else ``said`` tells why not.
        """
        try:
            self._garden.what_if.add(machine)
        except GardenError as error:
            self.said.emit(error.sentence, error.action)
            return False
        return True

    def remove(self, row: WhatIfRow) -> None:
        """Compare with it no more."""
        if row.machine is not None:
            self._garden.what_if.remove(row.machine)

    # Forecasts

    def _forecast(self) -> None:
        if self._asking:
            self._ask_again = True
            return
        self._asking, self._ask_again = True, False
        model, quant_type, context_length = self.model, self.quant_type, self.context_length

        def work() -> tuple[Sequence[PublishedModel], PublishedModel, tuple[WhatIfRow, ...]]:
            models = self.models or published_models(resource_path("catalogue/models.json").read_bytes())
            asked = model or next((each for each in models if each.repo_id == _FIRST_MODEL), models[0])
            return models, asked, what_if_rows(self._garden, asked, quant_type, context_length)

        self._pump.run(work, self._on_forecast, self._on_failed, receiver=self)

    def _on_forecast(self, found: tuple[Sequence[PublishedModel], PublishedModel, tuple[WhatIfRow, ...]]) -> None:
        self._asking = False
        models, asked, self.rows = found
        self.models = tuple(models)
        self.model = self.model or asked
        self.changed.emit()
        if self._ask_again:
            self._forecast()

    def _on_failed(self, error: GardenError) -> None:
        self._asking = False
        self.said.emit(error.sentence, error.action)

    def _on_changed(self, _event: WhatIfChanged | MachineRead) -> None:
        if self._looked_at:
            self._forecast()


def what_if_rows(garden: Garden, model: PublishedModel, quant_type: str, context_length: int) -> tuple[WhatIfRow, ...]:
    """A model on this machine and on every other of the list.

    Args:
        garden: Services.
        model: By its published shape.
        quant_type: Of its weights.
        context_length: At most what the model was trained for.
    """
    header = model.header(quant_type)
    context = min(context_length, model.context_length or context_length)

    def row(machine: ImaginedMachine | None) -> WhatIfRow:
        seen = None if machine is None else garden.what_if.as_seen(machine)
        load = dataclasses.replace(garden.fit.default_load(header, seen), context_length=context)
        forecast = (
            garden.fit.forecast_header(header, load)
            if machine is None
            else garden.what_if.forecast(header, load, machine)
        )
        return WhatIfRow(machine=machine, forecast=forecast, chosen=machine == garden.what_if.chosen)

    return tuple(row(machine) for machine in (None, *garden.what_if.machines))
