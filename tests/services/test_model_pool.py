"""Admission: what is loaded stays within the memory that is free, and the idle make room first."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import psutil
import pytest

from garden.core.fit_forecast import Verdict
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.messages import BufferUse
from garden.core.run_configuration import RunConfiguration
from garden.services.garden import Garden
from garden.services.held_models import resident_bytes
from garden.services.machine import MachineService

pytestmark = pytest.mark.engine

MIB = 1024**2


def configuration(garden: Garden, path: Path, **ask: object) -> RunConfiguration:
    made = garden.compare.configuration_for(garden.library.describe(path))
    return made.with_ask(**{"max_tokens": 4, "seed": 7, **ask})


def least_memory(garden: Garden, path: Path) -> int:
    """The least free memory with which a model is admitted, to the MiB."""
    made = configuration(garden, path)
    low, high = 0, 20_000
    while low < high:
        middle = (low + high) // 2
        machine = dataclasses.replace(garden.machine.snapshot(), ram_available_bytes=middle * MIB)
        fits = garden.fit.forecast(made.model, made.load, machine).verdict is not Verdict.TOO_LARGE
        low, high = (low, middle) if fits else (middle + 1, high)
    return low * MIB


def held_bytes() -> int:
    """What this test's models hold; a child that plans loads is none."""
    children = psutil.Process().children(recursive=True)
    return sum(resident_bytes(child.pid) for child in children if "generate" in child.cmdline())


def limit_memory(monkeypatch: pytest.MonkeyPatch, budget_bytes: int) -> None:
    """A machine with so much free memory, less what this test's models hold."""
    real = MachineService.fresh

    def fresh(self: MachineService) -> HardwareSnapshot:
        return dataclasses.replace(real(self), ram_available_bytes=max(0, budget_bytes - held_bytes()))

    monkeypatch.setattr(MachineService, "fresh", fresh)


def test_an_idle_model_makes_room_before_another_is_loaded(
    garden: Garden, tiny_model: Path, other_tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_memory(monkeypatch, least_memory(garden, tiny_model) + 20 * MIB)
    first, second = (garden.compare.new([configuration(garden, path)]) for path in (tiny_model, other_tiny_model))
    garden.compare.ask(first.id, "Hello?").result(60)

    answer = garden.compare.ask(second.id, "Hello?").result(60).answers[0]

    assert answer.error is None
    assert [model.configuration.model.name for model in garden.compare.loaded()] == ["Tiny-Other"]


def test_the_longest_unused_goes_first(
    garden: Garden, tiny_model: Path, other_tiny_model: Path, endless_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = (tiny_model, other_tiny_model, endless_model)
    chats = [garden.compare.new([configuration(garden, path)]) for path in paths]
    for chat in (*chats[:2], chats[0]):
        garden.compare.ask(chat.id, "Hello?").result(60)
    held = held_bytes()
    # Room for the third model once one of the two is gone.
    limit_memory(monkeypatch, least_memory(garden, tiny_model) + held // 2 + 15 * MIB)

    garden.compare.ask(chats[2].id, "Hello?").result(60)

    assert sorted(model.configuration.model.name for model in garden.compare.loaded()) == ["Tiny-Chat", "Tiny-Endless"]


def test_what_could_never_fit_says_so_and_pushes_nothing_out(
    garden: Garden, tiny_model: Path, other_tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = garden.compare.new([configuration(garden, tiny_model)])
    garden.compare.ask(first.id, "Hello?").result(60)
    large = configuration(garden, other_tiny_model).with_load(context_length=262_144)
    second = garden.compare.new([large])
    limit_memory(monkeypatch, 100 * MIB)

    answer = garden.compare.ask(second.id, "Hello?").result(60).answers[0]

    assert answer.error is not None
    assert answer.error.startswith("Tiny-Other needs ")
    assert answer.error.endswith(" are free.")
    assert "smaller context" in answer.action
    assert [model.configuration.model.name for model in garden.compare.loaded()] == ["Tiny-Chat"]


def test_memory_that_a_cache_will_still_take_is_counted(garden: Garden, tiny_model: Path) -> None:
    chat = garden.compare.new([configuration(garden, tiny_model)])
    garden.compare.ask(chat.id, "Hello?").result(60)
    (model,) = garden.compare.loaded()
    before = _free(garden, tiny_model)

    # As if the cache of the loaded model were far larger than what was written to it.
    record = next(iter(garden.compare._models._loaded.list()))
    cache = BufferUse(name="CPU", weights_bytes=0, context_bytes=2_000 * MIB, compute_bytes=0)
    garden.compare._models._loaded.put(dataclasses.replace(record, buffers=(*record.buffers, cache)))

    assert model.buffers_bytes < 100 * MIB
    assert before - _free(garden, tiny_model) > 1_500 * MIB


def _free(garden: Garden, path: Path) -> int:
    forecast = garden.compare._models._admission.forecast(configuration(garden, path))
    return forecast.devices[0].available_bytes


def test_another_program_sees_what_is_loaded_and_cannot_unload_it(garden: Garden, tiny_model: Path) -> None:
    chat = garden.compare.new([configuration(garden, tiny_model)])
    garden.compare.ask(chat.id, "Hello?").result(60)
    record = next(iter(garden.compare._models._loaded.list()))
    other = dataclasses.replace(record.owner, pid=1, started_at=psutil.Process(1).create_time())
    garden.compare._models._loaded.put(dataclasses.replace(record, owner=other))

    (model,) = garden.compare.loaded()

    assert (model.ours, model.idle) == (False, True)


def test_a_changed_context_loads_the_model_again_and_a_changed_question_does_not(
    garden: Garden, tiny_model: Path
) -> None:
    made = configuration(garden, tiny_model)
    chat = garden.compare.new([made])
    garden.compare.ask(chat.id, "Hello?").result(60)
    before = garden.compare.loaded()[0].pid

    garden.compare.set_pane(chat.id, "A", made.with_ask(max_tokens=2))
    garden.compare.ask(chat.id, "Hello?").result(60)
    same = garden.compare.loaded()[0].pid
    garden.compare.set_pane(chat.id, "A", made.with_load(context_length=256))
    garden.compare.ask(chat.id, "Hello?").result(60)

    assert same == before
    assert [model.pid == before for model in garden.compare.loaded()] == [False]
    assert garden.compare.loaded()[0].configuration.load.context_length == 256
