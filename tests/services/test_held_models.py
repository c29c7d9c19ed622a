from __future__ import annotations

import dataclasses
import os
import sys
import time
from pathlib import Path
from typing import Literal

import psutil
import pytest

from garden.core.events import MachineRead
from garden.core.held_memory import RAM
from garden.core.messages import BufferUse, ModelLoaded
from garden.core.model_ref import ModelRef
from garden.core.quantity import MIB
from garden.core.run_configuration import RunConfiguration
from garden.hardware import probe
from garden.inference.local_backend import LocalBackend
from garden.process.process_identity import this_process
from garden.services.garden import Garden
from garden.services.held_models import HeldModels, held_by
from garden.store.loaded_models import LoadedRecord

GIB = 1024**3


def record(*buffers: BufferUse, n_gpu_layers: int = 0) -> LoadedRecord:
    run = RunConfiguration(model=ModelRef(name="Tiny", filenames=("tiny.gguf",)))
    return LoadedRecord(
        pid=os.getpid(),
        owner=this_process(),
        configuration=run.with_load(n_gpu_layers=n_gpu_layers),
        buffers_bytes=sum(use.weights_bytes + use.context_bytes + use.compute_bytes for use in buffers) or 9 * GIB,
        loaded_at=time.time(),
        last_used_at=time.time(),
        buffers=buffers,
    )


def use(name: str, gibibytes: int) -> BufferUse:
    return BufferUse(name=name, weights_bytes=gibibytes * GIB, context_bytes=GIB, compute_bytes=0)


def test_pinned_and_rearranged_buffers_lie_in_ram() -> None:
    held = held_by(record(use("CUDA0", 4), use("CUDA_Host", 1), use("CPU", 1), use("CPU_REPACK", 2), n_gpu_layers=9))
    memory = psutil.Process().memory_info()
    resident = memory.rss - getattr(memory, "shared", 0)
    assert [(each.device, each.size_bytes) for each in held] == [(RAM, 7 * GIB), ("CUDA0", 5 * GIB)]
    assert held[0].taken_bytes == pytest.approx(resident, rel=0.1)
    assert held[1].promised_bytes == 0


def test_a_process_holds_at_least_what_it_takes() -> None:
    (held,) = held_by(record(BufferUse(name="CPU", weights_bytes=1, context_bytes=0, compute_bytes=0)))
    assert held.size_bytes == held.taken_bytes > 1


def test_a_record_of_an_older_version_counts_as_before() -> None:
    assert held_by(record())[0].size_bytes == 9 * GIB
    assert held_by(record(n_gpu_layers=9))[0].size_bytes < 9 * GIB


def test_news_are_told_once() -> None:
    with Garden.open(work_offline=True) as garden:
        held = HeldModels(garden._loaded)
        held.reread()
        assert not held.take_news()
        garden._loaded.put(record(use("CPU", 1)))
        assert held.now() == ()
        held.reread()
        assert [each.device for each in held.now()] == [RAM]
        assert held.take_news()
        assert not held.take_news()


def test_every_forecast_counts_them() -> None:
    with Garden.open(work_offline=True) as garden:
        assert garden.fit is not None
        assert garden.machine.snapshot().held == ()
        garden._loaded.put(record(use("CPU", 1)))
        garden._held.reread()
        garden.machine.tell()
        assert [each.size_bytes for each in garden.machine.snapshot().held] == [2 * GIB]


def test_what_is_booked_is_asked_at_each_reading() -> None:
    with Garden.open(work_offline=True) as garden:
        garden.machine.look()
        with garden._bookings.booked(GIB):
            # A window looks while a model is loaded.
            assert garden.machine.look().ram_promised_bytes == GIB
        events = garden.bus.subscribe()

        garden.machine.tell()

        (told,) = [event.snapshot for event in events.drain() if isinstance(event, MachineRead)]
        assert told.ram_promised_bytes == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only this system tells the pages of files apart")
@pytest.mark.engine
@pytest.mark.starter
@pytest.mark.parametrize("load_mode", ["none", "mmap"])
def test_what_a_loaded_model_takes_is_what_is_free_again_without_it(
    starter_path: Path, load_mode: Literal["none", "mmap"]
) -> None:
    run = RunConfiguration(model=ModelRef(name="S", filenames=(starter_path.name,), path=str(starter_path)))
    backend = LocalBackend()
    try:
        loaded = backend.load(run.with_load(context_length=2_048, load_mode=load_mode))
        assert backend.pid is not None
        (held,) = held_by(_loaded_as(backend.pid, loaded))
        here = dataclasses.replace(probe.snapshot(), held=(held,))
        own = _own_bytes(backend.pid)
    finally:
        backend.close()
        assert backend.wait_closed(20)

    assert held.taken_bytes == pytest.approx(own, abs=8 * MIB)
    without = here.without([held.pid])
    assert without.ram_free_bytes == min(here.ram_total_bytes, here.ram_available_bytes + held.taken_bytes)
    weights = sum(use.weights_bytes for use in loaded.buffers)
    # Mapped weights were available before, and are while they are mapped.
    assert (held.taken_bytes < weights + 45 * MIB) is (load_mode == "mmap")


def _own_bytes(pid: int) -> int:
    """What the kernel frees when a process ends: pages that belong to no file."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))


def _loaded_as(pid: int, loaded: ModelLoaded) -> LoadedRecord:
    return LoadedRecord(
        pid=pid,
        owner=this_process(),
        configuration=loaded.configuration,
        buffers_bytes=loaded.buffers_bytes,
        buffers=loaded.buffers,
        loaded_at=time.time(),
        last_used_at=time.time(),
    )
