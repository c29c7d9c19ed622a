"""Verdicts that the formula leaves open: asked once, behind the caller's back, remembered, judged anew."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest

from garden.core.errors import EngineMissingError
from garden.core.events import FitDecided
from garden.core.fit_forecast import FitMethod, Verdict
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.run_configuration import LoadParameters
from garden.fit.devices import ram_budget
from garden.fit.estimator import forecast as formula
from garden.fit.vocabulary import vocabulary_bytes
from garden.gguf.header import GgufHeader
from garden.services.dry_runs import DryRuns
from garden.services.garden import Garden
from garden.services.machine import MachineService
from tests.fit.headers import MIB, machine
from tests.fit.hollow import header_of_file

pytestmark = pytest.mark.engine

LOAD = LoadParameters(context_length=1_024)


@pytest.fixture
def header(tiny_model: Path) -> GgufHeader:
    return header_of_file(tiny_model)


@pytest.fixture
def edge(header: GgufHeader, monkeypatch: pytest.MonkeyPatch) -> int:
    """The machine has a hair more than the least RAM that this model needs, which is returned."""
    total = formula(header, LOAD, machine(4_096)).total_bytes
    assert total is not None
    least = total + ram_budget(machine(1), vocabulary_bytes(header)).beside_bytes
    has_free(monkeypatch, least + 100_000)
    return least


def has_free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    def snapshot(_self: MachineService) -> HardwareSnapshot:
        return dataclasses.replace(machine(0), ram_total_bytes=size, ram_available_bytes=size)

    monkeypatch.setattr(MachineService, "snapshot", snapshot)


def decided(garden: Garden, seconds: float = 20) -> bool:
    """Whether an event said so within this time."""
    events = garden.bus.subscribe()
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if any(isinstance(event, FitDecided) for event in events.wait(left)):
            return True
    return False


def test_the_engine_is_asked_and_the_next_forecast_knows(garden: Garden, header: GgufHeader, edge: int) -> None:
    events = garden.bus.subscribe()
    first = garden.fit.forecast_header(header, LOAD)

    assert (first.verdict, first.method) == (Verdict.UNKNOWN, FitMethod.FORMULA)
    assert any(isinstance(event, FitDecided) for event in events.wait(20))

    second = garden.fit.forecast_header(header, LOAD)
    assert (second.verdict, second.method) == (Verdict.TIGHT, FitMethod.EXACT)


def test_a_question_is_asked_once(
    garden: Garden, header: GgufHeader, edge: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    real = DryRuns.ask

    def counted(self: DryRuns, *arguments: object, **named: object) -> object:
        asked.append(arguments)
        return real(self, *arguments, **named)  # type: ignore[arg-type]  # as they come

    monkeypatch.setattr(DryRuns, "ask", counted)
    events = garden.bus.subscribe()
    for _ in range(20):
        garden.fit.forecast_header(header, LOAD)
    assert any(isinstance(event, FitDecided) for event in events.wait(20))
    for _ in range(20):
        assert garden.fit.forecast_header(header, LOAD).method is FitMethod.EXACT

    assert len(asked) == 1


def test_an_answer_is_judged_by_what_is_free_now(
    garden: Garden, header: GgufHeader, edge: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = garden.bus.subscribe()
    garden.fit.forecast_header(header, LOAD)
    assert any(isinstance(event, FitDecided) for event in events.wait(20))

    has_free(monkeypatch, edge - 100_000)
    result = garden.fit.forecast_header(header, LOAD)

    assert (result.verdict, result.method) == (Verdict.TOO_LARGE, FitMethod.EXACT)


def test_without_an_engine_the_verdict_stays_open_and_nobody_asks_again(
    garden: Garden, header: GgufHeader, edge: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def missing(*arguments: object, **_named: object) -> None:
        asked.append(arguments)
        raise EngineMissingError("The engine is not installed.", "Install it.")

    monkeypatch.setattr(DryRuns, "ask", missing)
    for _ in range(5):
        assert garden.fit.forecast_header(header, LOAD).verdict is Verdict.UNKNOWN
        time.sleep(0.05)

    assert len(asked) == 1


def test_a_clear_verdict_asks_nobody(garden: Garden, header: GgufHeader, monkeypatch: pytest.MonkeyPatch) -> None:
    has_free(monkeypatch, 8 * 1024 * MIB)

    assert garden.fit.forecast_header(header, LOAD).verdict is Verdict.FITS
    assert not decided(garden, 0.3)
