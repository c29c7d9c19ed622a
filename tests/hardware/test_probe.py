from __future__ import annotations

import time

from garden.core.hardware_snapshot import Engine, Gpu
from garden.hardware.probe import snapshot


def test_a_snapshot_joins_what_is_read_now_with_what_the_probe_said() -> None:
    engine, gpu = Engine(installed=True, version="1"), Gpu(name="x", vendor="other")

    machine = snapshot(engine, (gpu,))

    assert (machine.engine, machine.gpus) == (engine, (gpu,))
    assert 0 < machine.ram_available_bytes <= machine.ram_total_bytes
    assert machine.cpu.physical_cores >= 1
    assert abs(machine.taken_at - time.time()) < 60


def test_before_the_probe_ran_nothing_is_claimed() -> None:
    machine = snapshot()

    assert (machine.engine.installed, machine.gpus) == (False, ())


def test_a_snapshot_is_quick() -> None:
    snapshot()
    began = time.perf_counter()
    snapshot()

    assert time.perf_counter() - began < 2  # some milliseconds on a quiet machine
