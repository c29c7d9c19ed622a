"""Machines of the catalogue to choose from, and one that is typed in."""

from __future__ import annotations

import re

from PySide6.QtCore import QObject

from garden.core.imagined_machine import ImaginedMachine
from garden.core.quantity import GIB
from garden.fit.published_machine import PublishedMachine
from garden.gui.viewmodels.value_list import ValueListModel

_SIZE = re.compile(r"\s*(\d+(?:[.,]\d+)?)\s*(?:g|gb|gib)?\s*", re.IGNORECASE)


def machine_list(parent: QObject | None = None) -> ValueListModel[PublishedMachine]:
    """Machines that a search found, as rows."""
    return ValueListModel(
        text=lambda machine: machine.name,
        spoken=lambda machine: f"{machine.name}, {machine_figures(machine)}",
        tip=lambda machine: "\n".join(filter(None, (machine.bus, machine.note, f"Figures: {machine.basis}"))),
        parent=parent,
    )


def machine_figures(machine: PublishedMachine) -> str:
    """``24 GB · 1,008 GB/s``."""
    size = f"{machine.memory_bytes // GIB} GB{' shared' if machine.kind == 'unified' else ''}"
    bandwidth = machine.memory_bandwidth_bytes_per_second
    return f"{size} · {bandwidth / 1e9:,.0f} GB/s" if bandwidth else size


def parse_gigabytes(text: str) -> int | None:
    """Bytes for ``32``, ``32 GB`` or ``7.5``; None for anything else. Memory is sold in binary gigabytes."""
    found = _SIZE.fullmatch(text)
    return round(float(found[1].replace(",", ".")) * GIB) if found is not None else None


def typed_machine(ram: str, gpu: str, *, unified: bool) -> ImaginedMachine | None:
    """A machine of the sizes that were typed; None where one is no size.

    Args:
        ram: Its RAM.
        gpu: Memory of its GPU; empty for none, or where the RAM is shared.
        unified: Whether a GPU shares the RAM.
    """
    ram_bytes = parse_gigabytes(ram)
    if ram_bytes is None:
        return None
    if unified or not gpu.strip():
        return ImaginedMachine(ram_bytes=ram_bytes, unified=unified)
    gpu_bytes = parse_gigabytes(gpu)
    return None if gpu_bytes is None else ImaginedMachine(ram_bytes=ram_bytes, gpu_bytes=gpu_bytes or None)
