"""Measurements and loads under way count as memory that is taken, before it is."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from garden.core.errors import OutOfMemoryError
from garden.core.fit_forecast import Placement
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.quantity import GIB, MIB
from garden.core.run_configuration import AUTO_GPU_LAYERS, LoadParameters
from garden.fit.estimator import forecast
from garden.fit.sliced_twin import slices_of
from garden.gguf.made_up_model import MadeUpModel
from garden.services.bookings import Bookings
from garden.services.garden import Garden
from garden.services.machine import MachineService
from garden.services.twin_runs import room_for, twins_need
from tests.fit.headers import gpu, machine, published
from tests.services.measuring import children, until
from tests.services.test_twin_runs import LOAD, REF, SHAPE

HERE = machine(8)


def test_what_is_booked_is_not_free_for_another() -> None:
    bookings = Bookings()

    with bookings.measuring(lambda: HERE, 5 * GIB):
        assert bookings.ram_bytes() == 5 * GIB
        booked = dataclasses.replace(HERE, ram_promised_bytes=bookings.ram_bytes())
        with pytest.raises(OutOfMemoryError, match=r"^Measuring needs 5.00 GiB and 3.00 GiB are free\."):
            bookings.measuring(lambda: booked, 5 * GIB).__enter__()
    assert bookings.ram_bytes() == 0


def test_a_load_that_is_listed_is_not_promised_twice() -> None:
    bookings = Bookings()

    with bookings.booked(5 * GIB, pid=lambda: 2**22 + 1), bookings.booked(GIB):
        assert bookings.ram_bytes() == 6 * GIB
        assert bookings.ram_bytes({2**22 + 1}) == GIB


def test_a_gpu_is_booked_on_its_own() -> None:
    bookings, here = Bookings(), machine(64, gpu(8))
    device = here.gpus[0].device or ""

    with bookings.measuring(lambda: here, GIB, {device: 6 * GIB}):
        (left,) = bookings.limited(here).gpus
        assert left.memory_free_bytes == (here.gpus[0].memory_free_bytes or 0) - 6 * GIB
        with pytest.raises(OutOfMemoryError, match=f"Measuring needs 6.00 GiB on {device} and"):
            bookings.measuring(lambda: here, GIB, {device: 6 * GIB}).__enter__()
    assert bookings.limited(here) == here


def test_two_that_decide_at_once_do_not_find_the_same_memory_free() -> None:
    bookings, entered, results = Bookings(), threading.Barrier(2), []

    def read() -> HardwareSnapshot:
        return dataclasses.replace(HERE, ram_promised_bytes=bookings.ram_bytes())

    def measure() -> None:
        entered.wait(5)
        try:
            with bookings.measuring(read, 5 * GIB):
                results.append("ran")
                threading.Event().wait(0.3)
        except OutOfMemoryError:
            results.append("refused")

    threads = [threading.Thread(target=measure) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert sorted(results) == ["ran", "refused"]


def test_twins_on_a_gpu_are_as_large_as_its_memory_allows() -> None:
    header = MadeUpModel(
        width=4_096, feed_forward=14_336, heads=32, kv_heads=8, blocks=32, vocabulary=32_000, weights="Q4_0"
    ).header()
    on_gpu = dataclasses.replace(LOAD, n_gpu_layers=33)
    here = machine(64, gpu(4))

    in_ram, there = room_for(here, on_gpu=False), room_for(here, on_gpu=True)
    ram, gpus = twins_need(header, on_gpu, slices_of(header, there), here)

    assert there < 2.2 * GIB < in_ram
    (held,) = gpus.values()
    assert held <= (here.gpus[0].memory_free_bytes or 0)
    assert ram < GIB


def test_two_twins_are_never_more_than_the_whole() -> None:
    small = dataclasses.replace(SHAPE, blocks=6).header()

    slices = slices_of(small, 12 * GIB)

    assert (slices.first, slices.second) == (6, 6)
    need, _gpus = twins_need(small, LoadParameters(), slices, HERE)
    assert need < sum(tensor.size_bytes for tensor in small.tensors) + 400 * MIB


def test_a_small_model_is_measured_whole_and_says_so(garden: Garden) -> None:
    events = garden.bus.subscribe()

    record = garden.twins.measure_header(dataclasses.replace(SHAPE, blocks=2).header(), REF, LOAD).result(60)

    assert record.decode_tokens_per_second > 1
    notes = {event.job.note for event in events.drain() if hasattr(event, "job")}
    assert any(note.endswith(", all of it: a shorter one would not be smaller") for note in notes)


def test_a_load_on_a_gpu_that_shares_the_ram_is_booked_there(garden: Garden, monkeypatch: pytest.MonkeyPatch) -> None:
    mac = machine(28, gpu(21, unified=True), total_gib=32)
    monkeypatch.setattr(MachineService, "snapshot", lambda _self: mac)
    load = LoadParameters(n_gpu_layers=AUTO_GPU_LAYERS)
    planned = forecast(published("meta-llama/Llama-3.1-8B-Instruct"), load, mac)
    admission = garden.compare._models._admission

    with admission.booked(planned, lambda: None):
        assert planned.placement is Placement.GPU
        assert admission.bookings.ram_bytes() == planned.need_bytes
        assert admission.bookings.ram_bytes() > 5 * GIB


def _full(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    real = MachineService.fresh

    def fresh(self: MachineService) -> HardwareSnapshot:
        return dataclasses.replace(real(self), ram_available_bytes=free)

    monkeypatch.setattr(MachineService, "fresh", fresh)


def test_on_a_full_machine_nothing_is_measured(garden: Garden, monkeypatch: pytest.MonkeyPatch) -> None:
    _full(monkeypatch, 40 * MIB)

    with pytest.raises(OutOfMemoryError, match=r"^Measuring needs [\d.]+ MiB and 40\.0 MiB are free\."):
        garden.twins.measure_header(SHAPE.header(), REF, LOAD).result(30)
    with pytest.raises(OutOfMemoryError, match=r"^Measuring needs 1\.00 GiB and 40\.0 MiB are free\."):
        garden.calibration.measure().result(30)
    assert children("twin") == children("calibrate") == []


def test_while_one_is_measured_its_memory_counts(garden: Garden) -> None:
    handle = garden.twins.measure_header(SHAPE.header(), REF, LOAD)
    until(lambda: children("twin"))

    promised = garden.machine.look().ram_promised_bytes
    held = children("twin")[0].memory_info().rss

    handle.cancel()
    until(lambda: handle.done)
    assert promised + held > 40 * MIB
    until(lambda: garden.machine.look().ram_promised_bytes == 0)
