from __future__ import annotations

import dataclasses
import functools
import importlib.util
import os
import sys
import time

import psutil
import pytest

from garden.core.errors import TimeLimitError
from garden.core.events import MachineRead
from garden.core.hardware_snapshot import Engine, Gpu
from garden.core.messages import Probe, Probed
from garden.core.model_ref import ModelRef
from garden.core.paths import cache_dir
from garden.core.quantity import GIB, MIB
from garden.core.run_configuration import RunConfiguration
from garden.hardware import probe
from garden.process.process_identity import this_process
from garden.process.task import run_task
from garden.services import machine
from garden.services.garden import Garden
from garden.store.loaded_models import LoadedRecord


def test_memory_is_known_before_any_probe(garden: Garden) -> None:
    snapshot = garden.machine.snapshot()

    assert 0 < snapshot.ram_available_bytes <= snapshot.ram_total_bytes
    assert snapshot.cpu.physical_cores >= 1
    assert not garden.machine.probed


def test_a_probe_in_a_child_tells_the_engine_and_is_announced(garden: Garden) -> None:
    events = garden.bus.subscribe()

    snapshot = garden.machine.refresh().result(60)

    installed = importlib.util.find_spec("llama_cpp") is not None
    assert snapshot.engine.installed is installed
    assert (snapshot.engine.problem is None) is installed
    assert [event.snapshot for event in events.drain() if isinstance(event, MachineRead)] == [snapshot]
    assert garden.machine.snapshot().engine == snapshot.engine


@pytest.mark.engine
def test_the_next_session_knows_the_engine_without_a_probe(garden: Garden) -> None:
    engine = garden.machine.refresh().result(60).engine

    with Garden.open() as again:
        assert again.machine.probed
        assert again.machine.snapshot().engine == engine


def test_a_driver_that_hangs_holds_nobody_up_for_good(garden: Garden, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = (sys.executable, "-c", "import time; time.sleep(20)")
    monkeypatch.setattr(machine, "run_task", functools.partial(run_task, command=hangs))
    monkeypatch.setattr(machine, "_LIMIT_SECONDS", 0.5)
    started = time.monotonic()

    with pytest.raises(TimeLimitError):
        garden.machine.read()

    assert time.monotonic() - started < 10


def test_a_damaged_memory_of_the_probe_is_no_harm(garden: Garden) -> None:
    (cache_dir() / "probe.json").write_bytes(b"{")

    with Garden.open() as again:
        assert not again.machine.probed
        assert again.machine.read().ram_total_bytes > 0


def test_what_loaded_models_were_promised_is_not_free(garden: Garden) -> None:
    pid = os.getpid()
    held = psutil.Process(pid).memory_info().rss
    record = LoadedRecord(
        pid=pid,
        owner=this_process(),
        configuration=RunConfiguration(model=ModelRef(name="m", filenames=("m.gguf",))),
        buffers_bytes=held + GIB,
        loaded_at=1.0,
        last_used_at=1.0,
        beside_bytes=GIB // 2,
    )
    garden._loaded.put(record)

    snapshot = garden.machine.look()

    (memory,) = snapshot.held
    assert memory.promised_bytes == pytest.approx(1.5 * GIB, abs=200 * MIB)
    assert snapshot.ram_free_bytes == max(0, snapshot.ram_available_bytes - memory.promised_bytes)
    assert garden.machine.snapshot() == snapshot
    # What it holds and what it was promised are free once it is unloaded, neither of them twice.
    after = snapshot.without([pid]).ram_free_bytes
    assert after == min(snapshot.ram_total_bytes, snapshot.ram_available_bytes + memory.taken_bytes)


def test_memory_that_moved_is_announced_and_a_little_is_not(garden: Garden, monkeypatch: pytest.MonkeyPatch) -> None:
    first = garden.machine.look()
    now = dataclasses.replace(first, ram_available_bytes=first.ram_available_bytes - 8 * MIB)
    monkeypatch.setattr(probe, "snapshot", lambda *_known: dataclasses.replace(now, taken_at=time.time()))
    events = garden.bus.subscribe()

    same = garden.machine.look()
    now = dataclasses.replace(first, ram_available_bytes=first.ram_available_bytes - 80 * MIB)
    moved = garden.machine.look()

    assert same.ram_free_bytes == first.ram_free_bytes
    assert moved.ram_free_bytes == first.ram_free_bytes - 80 * MIB
    assert [event.snapshot for event in events.drain() if isinstance(event, MachineRead)] == [moved]


SLEEPING = Gpu(name="NVIDIA RTX 4060", vendor="nvidia", memory_total_bytes=8, asleep=True, device="CUDA0")


def test_only_a_load_or_the_user_wakes_a_gpu(garden: Garden, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Probe] = []

    def answer(_worker: str, request: Probe, *_types: object, **_options: object) -> Probed:
        asked.append(request)
        return Probed(gpus=(SLEEPING,), engine=Engine(installed=True, version="1"))

    monkeypatch.setattr(machine, "run_task", answer)

    garden.machine.read()
    garden.machine.refresh().result(10)
    garden.machine.fresh()
    garden.machine.refresh(wake=True).result(10)

    assert [request.wake for request in asked] == [False, False, True, True]
    # What was known goes along, so that a sleeping GPU keeps its name and the engine need not be asked.
    assert (asked[0].known, asked[0].engine) == ((), None)
    assert (asked[1].known, asked[1].engine) == ((SLEEPING,), Engine(installed=True, version="1"))
