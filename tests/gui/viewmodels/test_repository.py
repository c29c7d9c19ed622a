from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from garden.core.errors import GatedError, InvalidFileError, StateError
from garden.core.events import FitDecided, JobChanged
from garden.core.fit_forecast import FitForecast, FitMethod, Placement, Verdict
from garden.core.job_record import JobState
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import LoadParameters
from garden.fit.projector import Projector
from garden.gguf.header import GgufHeader
from garden.gui.bridge.event_pump import EventPump
from garden.gui.viewmodels.file_table import FileRow
from garden.gui.viewmodels.repository import RepositoryViewModel
from garden.jobs.handle import Handle
from tests.gui.service_doubles import GIB, GardenDouble, download_record, entry, header, repository, repository_file


@pytest.fixture
def garden() -> GardenDouble:
    return GardenDouble()


@pytest.fixture
def opened(qtbot: QtBot, garden: GardenDouble) -> Iterator[RepositoryViewModel]:
    pump = EventPump(garden.bus)
    yield RepositoryViewModel(garden, pump)  # type: ignore[arg-type]  # a double at the seam
    pump.close()


def _open(qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble, *types: str) -> None:
    opened.open("a/model")
    files = [repository_file(quant_type, size * GIB) for size, quant_type in enumerate(types, 1)]
    with qtbot.waitSignal(opened.changed):
        garden.catalog.pages["a/model"].succeed(repository("a/model", *files))


def _read_all(qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble) -> None:
    def read() -> bool:
        for filename, handle in list(garden.fit.headers.items()):
            row = opened.files.rows[opened.files.row_of(filename)]
            handle.succeed(header(row.file.size_bytes))
        return all(row.header is not None for row in opened.files.rows)

    qtbot.waitUntil(read)


def _row(opened: RepositoryViewModel, quant_type: str) -> FileRow:
    return next(row for row in opened.files.rows if row.file.quant_type == quant_type)


def _weights(opened: RepositoryViewModel) -> list[int | None]:
    return [row.forecast.weights_bytes for row in opened.files.rows if row.forecast]


def test_files_stand_there_before_their_headers_are_read(
    qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble
) -> None:
    _open(qtbot, opened, garden, "Q8_0", "Q4_K_M")

    assert [row.title for row in opened.files.rows] == ["Q8_0", "Q4_K_M"]
    assert [row.forecast for row in opened.files.rows] == [None, None]


def test_the_first_keys_of_one_file_are_a_rough_figure_for_all(
    qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble
) -> None:
    _open(qtbot, opened, garden, "Q8_0", "Q4_K_M")

    garden.fit.sketched["model-Q4_K_M.gguf"](header(2 * GIB))
    qtbot.waitUntil(lambda: all(row.forecast is not None for row in opened.files.rows))

    assert [row.header for row in opened.files.rows] == [None, None]
    assert _weights(opened) == pytest.approx([GIB, 2 * GIB], rel=1e-4)

    # What is read afterwards stands in its place; a sketch that comes late changes nothing.
    garden.fit.headers["model-Q8_0.gguf"].succeed(header(3 * GIB))
    qtbot.waitUntil(lambda: _row(opened, "Q8_0").header is not None)
    garden.fit.sketched["model-Q8_0.gguf"](header(9 * GIB))
    qtbot.wait(50)
    assert _weights(opened) == pytest.approx([3 * GIB, 2 * GIB], rel=1e-4)


def test_what_images_take_is_told_with_every_row(
    qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble
) -> None:
    _open(qtbot, opened, garden, "Q8_0", "Q4_K_M")
    _read_all(qtbot, opened, garden)

    garden.fit.projector.succeed(Projector(weights_bytes=GIB, compute_bytes=0, images=True, sound=False))
    qtbot.waitUntil(lambda: all(row.forecast and row.forecast.projector_bytes for row in opened.files.rows))

    assert all(row.forecast and "Images take 1.0 GiB more" in row.forecast.reason for row in opened.files.rows)
    opened.options.choose_context(8_192)
    qtbot.waitUntil(lambda: opened.settled)
    assert [row.forecast.projector_bytes for row in opened.files.rows if row.forecast] == [GIB, GIB]


def test_projectors_are_no_rows(qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble) -> None:
    opened.open("a/model")
    files = (repository_file("Q8_0"), repository_file("F16", kind="projector"))
    with qtbot.waitSignal(opened.changed):
        garden.catalog.pages["a/model"].succeed(repository("a/model", *files))

    assert [row.title for row in opened.files.rows] == ["Q8_0"]


def test_moving_the_context_moves_every_forecast(
    qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble
) -> None:
    _open(qtbot, opened, garden, "Q8_0", "Q4_K_M", "Q2_K")
    _read_all(qtbot, opened, garden)

    opened.options.choose_context(32_768)
    qtbot.waitUntil(lambda: opened.settled)

    assert [row.forecast.context_length for row in opened.files.rows if row.forecast] == [32_768] * 3


def test_the_cache_type_changes_every_forecast(qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble) -> None:
    _open(qtbot, opened, garden, "Q8_0", "Q4_K_M")
    _read_all(qtbot, opened, garden)
    before = [row.forecast.kv_cache_bytes for row in opened.files.rows if row.forecast]

    opened.options.choose_kv_type("q8_0")
    qtbot.waitUntil(lambda: opened.settled)

    after = [row.forecast.kv_cache_bytes for row in opened.files.rows if row.forecast]
    assert after == [size // 2 for size in before if size]


def test_files_are_forecast_again_when_the_engine_has_decided(
    qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    _open(qtbot, opened, garden, "Q8_0", "Q4_K_M")
    _read_all(qtbot, opened, garden)
    said = FitForecast(verdict=Verdict.FITS, placement=Placement.CPU, reason="It fits.", method=FitMethod.EXACT)
    monkeypatch.setattr(garden.fit, "forecast_header", lambda *_arguments: said)

    with qtbot.waitSignal(opened.selected_changed):
        garden.bus.publish(FitDecided())

    assert [row.forecast for row in opened.files.rows] == [said, said]


def test_forecasts_are_made_away_from_the_qt_thread_and_what_was_passed_by_is_never_made(
    qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    _open(qtbot, opened, garden, "Q8_0", "Q4_K_M")
    _read_all(qtbot, opened, garden)
    qtbot.waitUntil(lambda: opened.settled)
    here, release, inner = threading.get_ident(), threading.Event(), garden.fit.forecast_remote
    made: list[tuple[int, bool]] = []
    shown: list[int | None] = []

    def slow(ref: ModelRef, read: GgufHeader, load: LoadParameters, *rest: object, ask_engine: bool) -> FitForecast:
        assert threading.get_ident() != here
        release.wait(10)
        made.append((load.context_length, ask_engine))
        return inner(ref, read, load)

    monkeypatch.setattr(garden.fit, "forecast_remote", slow)
    opened.files.dataChanged.connect(lambda *_: shown.append(_forecast_context(opened)))

    for tokens in range(2_048, 20_480, 256):
        opened.options.choose_context(tokens)
    assert made == []
    release.set()
    qtbot.waitUntil(lambda: opened.settled)

    # The first move, then the last one; that once more when the knob stands still, and only then is the engine asked.
    assert made == [(2_048, False)] * 2 + [(20_224, False)] * 2 + [(20_224, True)] * 2
    assert shown == [2_048, 20_224]


def _forecast_context(opened: RepositoryViewModel) -> int | None:
    (context,) = {row.forecast.context_length for row in opened.files.rows if row.forecast}
    return context


def test_an_answer_of_a_repository_that_was_left_is_dropped(
    qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    _open(qtbot, opened, garden, "Q8_0")
    _read_all(qtbot, opened, garden)
    qtbot.waitUntil(lambda: opened.settled)
    release, inner = threading.Event(), garden.fit.forecast_remote

    def slow(*arguments: Any, **options: Any) -> FitForecast:
        release.wait(10)
        return inner(*arguments, **options)

    monkeypatch.setattr(garden.fit, "forecast_remote", slow)
    opened.options.choose_context(4_096)
    opened.open("b/other")
    with qtbot.waitSignal(opened.changed):
        garden.catalog.pages["b/other"].succeed(repository("b/other", repository_file("Q8_0"), repository_file("Q2_K")))
    release.set()
    qtbot.waitUntil(lambda: opened.settled)

    assert [row.forecast for row in opened.files.rows] == [None, None]
    assert opened.plan is None


def test_what_is_loaded_is_what_is_chosen_now_even_before_it_was_forecast(
    qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble
) -> None:
    _open(qtbot, opened, garden, "Q8_0")
    _read_all(qtbot, opened, garden)
    qtbot.waitUntil(lambda: opened.settled)

    opened.options.choose(context_length=4_096, type_k="q8_0", threads=3)
    row = _row(opened, "Q8_0")
    load = opened.load_here(row)

    assert row.load is not None
    assert row.load.context_length != 4_096
    assert load is not None
    assert (load.context_length, load.type_k, load.type_v, load.threads) == (4_096, "q8_0", "f16", 3)


def test_the_context_stays_below_what_the_model_was_trained_for(
    qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble
) -> None:
    _open(qtbot, opened, garden, "Q8_0")
    _read_all(qtbot, opened, garden)

    opened.options.choose_context(1_000_000)

    assert opened.context_length == 40_960


def test_the_recommended_file_is_selected_until_the_user_selects_another(
    qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble
) -> None:
    _open(qtbot, opened, garden, "Q2_K", "Q4_K_M", "Q6_K", "Q8_0", "F16")
    _read_all(qtbot, opened, garden)
    recommended = [row.title for row in opened.files.rows if row.recommended]

    assert len(recommended) == 1
    assert opened.selected is not None
    assert opened.selected.title == recommended[0]
    opened.select(_row(opened, "Q2_K").file.filename)
    opened.options.choose_context(4_096)
    qtbot.waitUntil(lambda: opened.settled)
    assert opened.selected is not None
    assert opened.selected.title == "Q2_K"
    assert opened.plan is not None
    assert opened.plan.configuration.model.quant_type == "Q2_K"


def test_the_configuration_names_file_context_and_cache(
    qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble
) -> None:
    _open(qtbot, opened, garden, "Q8_0")
    _read_all(qtbot, opened, garden)
    opened.options.choose_context(4_096)
    opened.options.choose_kv_type("q8_0")

    qtbot.waitUntil(lambda: opened.settled)
    plan = opened.plan

    assert plan is not None
    configuration = plan.configuration
    assert configuration.model.repo_id == "a/model"
    assert configuration.model.sha256 == "ab" * 32
    assert (configuration.load.context_length, configuration.load.type_k, configuration.load.type_v) == (
        4_096,
        "q8_0",
        "q8_0",
    )


def test_an_unreadable_header_is_told_in_its_row_alone(
    qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble
) -> None:
    _open(qtbot, opened, garden, "Q8_0", "Q4_K_M")

    garden.fit.headers["model-Q4_K_M.gguf"].fail(InvalidFileError("This is not a GGUF file."))
    garden.fit.headers["model-Q8_0.gguf"].succeed(header())

    qtbot.waitUntil(lambda: _row(opened, "Q8_0").forecast is not None)
    assert _row(opened, "Q4_K_M").problem == "This is not a GGUF file."


def test_headers_of_a_repository_that_was_left_are_dropped(
    qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble
) -> None:
    _open(qtbot, opened, garden, "Q8_0")
    late = garden.fit.headers["model-Q8_0.gguf"]

    opened.open("b/other")
    late.succeed(header())
    with qtbot.waitSignal(opened.changed):
        garden.catalog.pages["b/other"].succeed(repository("b/other", repository_file("Q8_0")))

    assert late.cancelled.is_set()
    assert _row(opened, "Q8_0").header is None


def test_a_page_that_cannot_be_had_says_why(qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble) -> None:
    opened.open("a/model")

    with qtbot.waitSignal(opened.changed):
        garden.catalog.pages["a/model"].fail(GatedError("The publisher asks you to agree first."))

    assert isinstance(opened.problem, GatedError)
    assert not opened.busy


def test_a_download_shows_its_progress_in_its_row(
    qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble
) -> None:
    _open(qtbot, opened, garden, "Q8_0", "Q4_K_M")
    opened.download("model-Q8_0.gguf")
    assert _row(opened, "Q8_0").downloading
    assert _row(opened, "Q8_0").note == "Waiting"

    handle = garden.library.download_handle
    running = download_record(handle, "model-Q8_0.gguf", state=JobState.RUNNING, done=GIB // 4, total=GIB)
    garden.bus.publish(JobChanged(job=running))

    qtbot.waitUntil(lambda: _row(opened, "Q8_0").note == "Running 25%")
    assert _row(opened, "Q4_K_M").job is None


def test_a_finished_download_is_in_the_library(qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble) -> None:
    _open(qtbot, opened, garden, "Q8_0")
    opened.download("model-Q8_0.gguf")
    fetched = entry("model", "hub_cache", repo_id="a/model", quant_type="Q8_0", filenames=("model-Q8_0.gguf",))
    garden.library.known.append(fetched)

    with qtbot.waitSignal(opened.download_ended) as ended:
        garden.library.download_handle.succeed(fetched)

    assert ended.args == ["model Q8_0 is in the library.", ""]
    assert _row(opened, "Q8_0").note == "In library"


def test_a_file_under_way_is_not_fetched_twice(qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble) -> None:
    _open(qtbot, opened, garden, "Q8_0")

    opened.download("model-Q8_0.gguf")
    opened.download("model-Q8_0.gguf")

    qtbot.waitUntil(lambda: bool(garden.library.downloads))
    opened.download("model-Q8_0.gguf")
    assert len(garden.library.downloads) == 1


def test_a_download_that_was_begun_elsewhere_shows_in_its_row(
    qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble
) -> None:
    handle = garden.library.download_handle
    garden.activity.records.append(download_record(handle, "model-Q8_0.gguf", state=JobState.PAUSED, total=GIB))
    _open(qtbot, opened, garden, "Q8_0", "Q4_K_M")
    assert _row(opened, "Q8_0").note == "Paused 0%"

    garden.bus.publish(JobChanged(job=download_record(handle, "model-Q4_K_M.gguf", state=JobState.RUNNING)))

    qtbot.waitUntil(lambda: _row(opened, "Q4_K_M").downloading)


def test_a_download_that_a_full_disk_paused_is_asked_for_again(
    qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble
) -> None:
    _open(qtbot, opened, garden, "Q8_0")
    opened.download("model-Q8_0.gguf")
    qtbot.waitUntil(lambda: bool(garden.library.downloads))
    first = garden.library.download_handle
    full = download_record(
        first, "model-Q8_0.gguf", state=JobState.PAUSED, error="The disk is full.", done=1, total=GIB
    )
    with qtbot.waitSignal(opened.download_ended):
        garden.bus.publish(JobChanged(job=full))
        first.fail(StateError("The disk is full.", "Free some space."))
    qtbot.waitUntil(lambda: _row(opened, "Q8_0").paused)
    garden.library.download_handle = Handle(first.id)

    opened.download("model-Q8_0.gguf")

    qtbot.waitUntil(lambda: len(garden.library.downloads) == 2)
    # What is known of it stays until it moves.
    assert _row(opened, "Q8_0").job == full
    garden.bus.publish(JobChanged(job=dataclasses.replace(full, state=JobState.RUNNING, error=None)))
    qtbot.waitUntil(lambda: _row(opened, "Q8_0").downloading)
    with qtbot.waitSignal(opened.download_ended) as ended:
        garden.library.download_handle.succeed(entry("model", quant_type="Q8_0"))
    assert "is in the library" in ended.args[0]


def test_cancelling_a_download_cancels_its_job(qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble) -> None:
    _open(qtbot, opened, garden, "Q8_0")
    handle = garden.library.download_handle
    opened.download("model-Q8_0.gguf")
    qtbot.waitUntil(lambda: bool(garden.library.downloads))

    opened.cancel_download("model-Q8_0.gguf")

    qtbot.waitUntil(handle.cancelled.is_set)


def test_a_download_that_cannot_begin_waits_no_longer(
    qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble
) -> None:
    _open(qtbot, opened, garden, "Q8_0")
    opened.download("model-Q8_0.gguf")

    with qtbot.waitSignal(opened.download_ended) as ended:
        garden.library.download_handle.fail(StateError("The disk is full.", "Free some space."))

    assert ended.args == ["The disk is full.", "Free some space."]
    assert not _row(opened, "Q8_0").downloading


def test_cancelling_a_download_of_before_cancels_its_job(
    qtbot: QtBot, opened: RepositoryViewModel, garden: GardenDouble
) -> None:
    handle = garden.library.download_handle
    garden.activity.records.append(download_record(handle, "model-Q8_0.gguf", state=JobState.PAUSED))
    _open(qtbot, opened, garden, "Q8_0")

    opened.cancel_download("model-Q8_0.gguf")

    qtbot.waitUntil(lambda: garden.activity.cancelled == [handle.id])
