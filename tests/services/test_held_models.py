from __future__ import annotations

import os
import time

import psutil
import pytest

from garden.core.held_memory import RAM
from garden.core.messages import BufferUse
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import RunConfiguration
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
    resident = psutil.Process().memory_info().rss
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
