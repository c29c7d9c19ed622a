"""Loads as the audit shows them: buffers, resident set and GPUs, each forecast against what was seen, in words."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from garden.core.fit_forecast import FitForecast
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.messages import ModelLoaded
from garden.core.quantity import format_bytes
from garden.fit.devices import gpu_budgets, process_bytes, ram_budget, usable_gpus

if TYPE_CHECKING:
    from garden.store.forecasts import LoadRecord


class AuditKind(enum.StrEnum):
    """What is audited: the engine's own buffers, the process's resident set, or what GPUs lost."""

    BUFFERS = "buffers"
    RESIDENT = "resident"
    GPU = "gpu"


#: Of the segment, and of the column with what was seen.
TITLES = {
    AuditKind.BUFFERS: ("Buffers", "Engine"),
    AuditKind.RESIDENT: ("Resident set", "Peak"),
    AuditKind.GPU: ("GPU memory", "Peak"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One load: what was forecast against what was seen.

    Attributes:
        title: Model and type.
        context_length: Tokens.
        forecast_bytes: None when nothing was forecast.
        seen_bytes: Sum of the engine's buffers, or a high-water mark.
        loaded_at: Seconds since the epoch.
    """

    title: str
    context_length: int
    forecast_bytes: int | None
    seen_bytes: int
    loaded_at: float

    @property
    def error(self) -> float | None:
        """Share by which it took more (above 0) or less than forecast, None without a forecast."""
        return (self.seen_bytes - self.forecast_bytes) / self.forecast_bytes if self.forecast_bytes else None


def audit_rows(records: Sequence[LoadRecord], kind: AuditKind) -> tuple[AuditRow, ...]:
    """The rows of one kind; loads of which nothing of the kind was seen have none."""
    return tuple(row for record in records if (row := _row(record, kind)) is not None)


def audit_summary(rows: Sequence[AuditRow]) -> tuple[str, str, str]:
    """``23 loads · mean error 0.3 % · worst 1.1 %`` in three pieces, the middle one emphasized."""
    if not rows:
        return "", "", ""
    errors = [abs(row.error) for row in rows if row.error is not None]
    loads = f"{len(rows):,} load{'s' if len(rows) != 1 else ''}"
    if not errors:
        return loads, "", ""
    mean, worst = sum(errors) / len(errors), max(errors)
    return f"{loads} · mean error ", f"{mean * 100:.1f} %", f" · worst {worst * 100:.1f} %"


def audit_foot(kind: AuditKind, machine: HardwareSnapshot) -> str:
    """The correction and the margin that forecasts on this machine go by, and what they were learned from."""
    match kind:
        case AuditKind.BUFFERS:
            return f"Not corrected: they are the engine's own plan. {_gpu_drivers(machine)}{_ram_margin(machine)}"
        case AuditKind.RESIDENT:
            return f"{_process(machine)} {_ram_margin(machine)}"
        case AuditKind.GPU:
            return f"Buffers and what the driver takes beside them. {_gpu_drivers(machine)}".strip()


def _row(record: LoadRecord, kind: AuditKind) -> AuditRow | None:
    forecast, resident, marks = record.forecast, record.resident, record.marks
    match kind:
        case AuditKind.BUFFERS:
            said = None if forecast is None or forecast.total_bytes is None else forecast.total_bytes
            if said is not None and resident is not None:
                # Copies of mapped weights are buffers of the engine as well.
                said += resident.repacked_bytes
            return _of(record.loaded, said, record.loaded.buffers_bytes, record.loaded_at)
        case AuditKind.RESIDENT:
            # Before its first answer a process has not taken all that it will.
            if marks.resident_bytes is None or not marks.prompt_tokens:
                return None
            after = None if resident is None else resident.after(marks.prompt_tokens, marks.filled_tokens)
            return _of(record.loaded, after, marks.resident_bytes, record.loaded_at)
        case AuditKind.GPU:
            if not marks.gpu_bytes:
                return None
            return _of(record.loaded, _on_gpus(forecast), marks.gpu_bytes, record.loaded_at)


def _of(loaded: ModelLoaded, forecast_bytes: int | None, seen_bytes: int, loaded_at: float) -> AuditRow:
    model = loaded.configuration.model
    return AuditRow(
        title=" ".join(filter(None, (model.name, model.quant_type))),
        context_length=loaded.configuration.load.context_length,
        forecast_bytes=forecast_bytes,
        seen_bytes=seen_bytes,
        loaded_at=loaded_at,
    )


def _on_gpus(forecast: FitForecast | None) -> int | None:
    """What it was to need on GPUs: buffers and what the driver takes beside them."""
    devices = [device for device in forecast.devices if device.kind == "gpu"] if forecast is not None else []
    return sum(device.need_bytes for device in devices) or None


def _process(machine: HardwareSnapshot) -> str:
    learned, size = machine.learned, process_bytes(machine)
    seen = None
    if learned is not None:
        seen = learned.gpu_process_bytes if usable_gpus(machine) else learned.process_bytes
    if learned is None or seen is None:
        return f"Not corrected yet: {format_bytes(size)} for the process until an answer shows its size."
    unlearned = process_bytes(dataclasses.replace(machine, learned=None))
    change = f"{'+' if seen >= unlearned else '−'}{format_bytes(abs(seen - unlearned))}"
    return f"Correction {change}: the process takes {format_bytes(seen)}, learned from {_loads(learned.process_loads)}."


def _ram_margin(machine: HardwareSnapshot) -> str:
    size, learned = ram_budget(machine, 0).margin_bytes, machine.learned
    basis = "until loads show one"
    if learned is not None and learned.ram_bytes is not None:
        basis = f"learned from {_loads(learned.ram_loads)}"
    return f"Margin of RAM {format_bytes(size)}, {basis}."


def _gpu_drivers(machine: HardwareSnapshot) -> str:
    parts = []
    for budget in gpu_budgets(machine):
        learned = machine.learned.of_device(budget.device) if machine.learned else None
        basis = f"learned from {_loads(learned.loads)}" if learned else "until loads show one"
        parts.append(f"The driver of {budget.device} takes {format_bytes(budget.beside_bytes)}, {basis}. ")
    return "".join(parts)


def _loads(count: int) -> str:
    return f"{count:,} load{'s' if count != 1 else ''}"
