"""What the models that are loaded now hold of this machine: known at any moment, and never waited for."""

from __future__ import annotations

import sys

import psutil

from garden.core.held_memory import RAM, HeldMemory
from garden.core.messages import BufferUse
from garden.store.loaded_models import LoadedModels, LoadedRecord

#: Buffers in RAM: what the engine calls the processor's, with those that a GPU's driver can reach.
_IN_RAM = ("CPU", "_Host")


class HeldModels:
    """Remembers the list of loaded models, so that a forecast asks no database. Safe to use from any thread.

    Args:
        loaded: The list that all Gardens on this machine share.
    """

    def __init__(self, loaded: LoadedModels) -> None:
        self._loaded = loaded
        self._records: tuple[LoadedRecord, ...] = ()
        self._news = False

    def reread(self) -> None:
        """Read the list again; waits for the disk."""
        before = {record.pid for record in self._records}
        self._records = self._loaded.list()
        self._news = self._news or before != {record.pid for record in self._records}

    def take_news(self) -> bool:
        """Whether other models are loaded than when this was asked last."""
        news, self._news = self._news, False
        return news

    def now(self) -> tuple[HeldMemory, ...]:
        """What each holds on each device."""
        return tuple(held for record in self._records for held in held_by(record))


def held_by(record: LoadedRecord) -> tuple[HeldMemory, ...]:
    """What one model holds on each device. Of RAM at least what its process takes, vocabulary and all."""
    resident = resident_bytes(record.pid)
    in_ram = sum(map(_size, filter(_is_in_ram, record.buffers))) if record.buffers else _told_as_one(record)
    size = max(in_ram + record.beside_bytes, resident)
    held = [HeldMemory(pid=record.pid, device=RAM, size_bytes=size, taken_bytes=resident)]
    for use in record.buffers:
        if not _is_in_ram(use):
            # The driver's figures have it already.
            held.append(HeldMemory(pid=record.pid, device=use.name, size_bytes=_size(use), taken_bytes=_size(use)))
    return tuple(held)


def resident_bytes(pid: int) -> int:
    """What a process takes of the RAM, 0 for one that is gone: as much as is free again when it ends.

    Pages of files, mapped weights among them, stay in the system's cache and count as available while they are mapped.
    Linux tells them as ``shared``; Windows, where pages of files leave the working set for its list of standby pages,
    as what is not ``private``. macOS tells no such part, and there the whole resident set is said.
    """
    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.Error:
        return 0
    if sys.platform == "win32":
        return int(min(memory.rss, memory.private))
    return int(memory.rss - getattr(memory, "shared", 0))


def _told_as_one(record: LoadedRecord) -> int:
    """Of a record that does not say where its buffers lie: all in RAM, unless some of it is on a GPU."""
    return record.buffers_bytes if record.configuration.load.n_gpu_layers == 0 else 0


def _size(use: BufferUse) -> int:
    return use.weights_bytes + use.context_bytes + use.compute_bytes


def _is_in_ram(use: BufferUse) -> bool:
    return use.name.startswith(_IN_RAM[0]) or use.name.endswith(_IN_RAM[1])
