from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from garden.core.errors import GardenError, WorkerDiedError
from garden.core.events import MachineRead
from garden.core.library_entry import LibraryEntry
from garden.core.receipt import QuantizationForecast
from garden.gui.viewmodels import workshop as workshop_module
from garden.gui.viewmodels.quant_source import ResultFits, SourceFacts, forecast_results
from garden.gui.viewmodels.workshop import COMMON_TYPES, WorkshopViewModel
from garden.jobs.handle import Handle
from garden.services.garden import Garden
from tests.gui.open_garden import OpenGarden, open_garden

pytestmark = pytest.mark.engine


@pytest.fixture
def opened() -> Iterator[OpenGarden]:
    with open_garden() as opened:
        yield opened


@pytest.fixture
def entry(opened: OpenGarden, tiny_model: Path, tmp_path: Path) -> LibraryEntry:
    return opened.entry(Path(shutil.copyfile(tiny_model, tmp_path / "Alpha-F16.gguf")))


@pytest.fixture
def workshop(qtbot: QtBot, opened: OpenGarden) -> WorkshopViewModel:
    return WorkshopViewModel(opened.garden, opened.pump)


@pytest.fixture
def dry_runs(opened: OpenGarden, monkeypatch: pytest.MonkeyPatch) -> list[Handle[tuple[QuantizationForecast, ...]]]:
    """Each dry run, as it begins."""
    begun: list[Handle[tuple[QuantizationForecast, ...]]] = []
    forecast = opened.garden.workshop.forecast

    def begin(source: LibraryEntry, types: Sequence[str]) -> Handle[tuple[QuantizationForecast, ...]]:
        begun.append(forecast(source, types))
        return begun[-1]

    monkeypatch.setattr(opened.garden.workshop, "forecast", begin)
    return begun


def _is_known(workshop: WorkshopViewModel) -> bool:
    return not workshop.busy and len([row for row in workshop.table.rows if row.fit]) == len(COMMON_TYPES)


def test_the_same_source_chosen_again_during_its_dry_run_is_no_failure(
    qtbot: QtBot,
    opened: OpenGarden,
    workshop: WorkshopViewModel,
    entry: LibraryEntry,
    dry_runs: list[Handle[tuple[QuantizationForecast, ...]]],
) -> None:
    workshop.choose_source(entry)
    qtbot.waitUntil(lambda: len(dry_runs) == 1, timeout=20_000)
    problems: list[GardenError | None] = []
    workshop.changed.connect(lambda: problems.append(workshop.problem))

    workshop.choose_source(entry)
    qtbot.waitUntil(lambda: _is_known(workshop), timeout=30_000)

    assert dry_runs[0].cancelled.is_set()
    assert set(problems) == {None}
    assert len(dry_runs) == 2


def test_a_source_chosen_twice_while_it_is_read_is_planned_once(
    qtbot: QtBot,
    workshop: WorkshopViewModel,
    entry: LibraryEntry,
    dry_runs: list[Handle[tuple[QuantizationForecast, ...]]],
) -> None:
    workshop.choose_source(entry)
    workshop.choose_source(entry)

    qtbot.waitUntil(lambda: _is_known(workshop), timeout=30_000)

    assert len(dry_runs) == 1


def test_more_types_asked_for_during_a_dry_run_are_planned_with_the_others(
    qtbot: QtBot,
    workshop: WorkshopViewModel,
    entry: LibraryEntry,
    dry_runs: list[Handle[tuple[QuantizationForecast, ...]]],
) -> None:
    workshop.choose_source(entry)
    qtbot.waitUntil(lambda: len(dry_runs) == 1, timeout=20_000)

    workshop.show_all_types(True)
    assert len(dry_runs) == 2
    qtbot.waitUntil(lambda: not workshop.busy and all(row.fit for row in workshop.table.rows), timeout=60_000)

    assert dry_runs[0].cancelled.is_set()
    assert len(workshop.table.rows) > len(COMMON_TYPES)
    assert workshop.problem is None


def test_after_a_dry_run_that_failed_another_one_clears_the_problem_and_readings_count_again(
    qtbot: QtBot,
    opened: OpenGarden,
    workshop: WorkshopViewModel,
    entry: LibraryEntry,
    dry_runs: list[Handle[tuple[QuantizationForecast, ...]]],
) -> None:
    workshop.choose_source(entry)
    qtbot.waitUntil(lambda: _is_known(workshop), timeout=30_000)
    failing: Handle[tuple[QuantizationForecast, ...]] = Handle()
    with pytest.MonkeyPatch.context() as once:
        once.setattr(opened.garden.workshop, "forecast", lambda _source, _types: failing)
        workshop.show_all_types(True)
    failing.fail(WorkerDiedError("The engine's process ended.", "Try again."))
    qtbot.waitUntil(lambda: workshop.problem is not None)
    assert not workshop.busy

    before = workshop._fits
    opened.garden.bus.publish(MachineRead(snapshot=opened.garden.machine.snapshot()))
    qtbot.waitUntil(lambda: workshop._fits is not before, timeout=20_000)
    # Another answer says nothing of what has failed.
    assert workshop.problem is not None

    workshop.show_all_types(False)
    workshop.show_all_types(True)
    qtbot.waitUntil(lambda: not workshop.busy and all(row.fit for row in workshop.table.rows), timeout=60_000)
    assert workshop.problem is None


def test_a_fit_that_fails_later_leaves_the_fits_that_stand_there(
    qtbot: QtBot,
    opened: OpenGarden,
    workshop: WorkshopViewModel,
    entry: LibraryEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workshop.choose_source(entry)
    qtbot.waitUntil(lambda: _is_known(workshop), timeout=30_000)
    failed = threading.Event()

    def fails(garden: Garden, source: SourceFacts, forecasts: Sequence[QuantizationForecast]) -> ResultFits:
        monkeypatch.setattr(workshop_module, "forecast_results", forecast_results)
        failed.set()
        raise GardenError("The disk does not answer.")

    monkeypatch.setattr(workshop_module, "forecast_results", fails)
    opened.garden.bus.publish(MachineRead(snapshot=opened.garden.machine.snapshot()))
    qtbot.waitUntil(failed.is_set)
    qtbot.waitUntil(lambda: workshop._fitting is None)

    assert workshop.problem is None
    assert _is_known(workshop)
