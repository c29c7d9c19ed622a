from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QListView, QTableView
from pytestqt.qtbot import QtBot

from garden.core.fit_forecast import FitForecast, FitMethod, Placement, Verdict
from garden.core.job_record import JobKind, JobRecord, JobState
from garden.gui.bridge.event_pump import EventPump
from garden.gui.pages.discover_page import DiscoverPage
from garden.gui.pages.file_detail import FileDetail
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.file_table import FileColumn, FileRow
from garden.gui.viewmodels.search import DEBOUNCE_MS
from garden.gui.widgets.context_slider import ContextSlider
from garden.gui.widgets.state_view import StateView
from garden.jobs.handle import Handle
from garden.services.garden import Garden
from tests.gui.open_garden import Window
from tests.gui.service_doubles import GIB, forecast, repository_file
from tests.hubserver import Fault, GgufFacts, HubServer, repository_of

CARD = "---\nlicense: mit\n---\n# Tiny\n\nGood for [tests](https://example.org/tests)."


@pytest.fixture
def hub(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A Hub with a small model in two types (the bytes alike), and one that no machine holds."""
    facts = GgufFacts(total=2_000_000, architecture="llama", context_length=2_048)
    small = repository_of(
        "owner/Tiny-Chat-GGUF", tiny_model, card=CARD, downloads=12, likes=3, license="mit", trending=2, gguf=facts
    )
    huge = dataclasses.replace(
        small, repo_id="owner/Huge-GGUF", trending=1, gguf=dataclasses.replace(facts, total=10**13)
    )
    with HubServer([small, huge]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


@pytest.fixture
def window() -> Window:
    return Window()


@pytest.fixture
def garden(hub: HubServer) -> Iterator[Garden]:
    with Garden.open() as opened:
        yield opened


@pytest.fixture
def page(qtbot: QtBot, garden: Garden, theme: ThemeController, window: Window) -> Iterator[DiscoverPage]:
    pump = EventPump(garden.bus)
    page = DiscoverPage(garden, pump, window, theme)
    qtbot.addWidget(page)
    page.resize(1_264, 900)
    page.show()
    yield page
    pump.close()


def _opened(qtbot: QtBot, page: DiscoverPage) -> FileRow:
    """Wait until the first repository's file has its forecast."""
    qtbot.waitUntil(lambda: bool(page.repository.files.rows), timeout=20_000)
    qtbot.waitUntil(lambda: page.repository.files.rows[0].header is not None, timeout=20_000)
    qtbot.waitUntil(lambda: page.repository.settled and page.repository.plan is not None, timeout=20_000)
    return page.repository.files.rows[0]


def _button(page: DiscoverPage, name: str) -> QAbstractButton:
    button = page.findChild(QAbstractButton, name)
    assert button is not None
    return button


def _text(page: DiscoverPage, name: str) -> str:
    label = page.findChild(QLabel, name)
    assert label is not None
    return label.text()


def _names(page: DiscoverPage) -> list[str]:
    models = page.search.models
    return [models.rated(row).summary.repo_id for row in range(models.rowCount())]


def test_the_first_model_opens_with_its_files_and_their_verdict(qtbot: QtBot, page: DiscoverPage) -> None:
    row = _opened(qtbot, page)

    assert _names(page) == ["owner/Tiny-Chat-GGUF", "owner/Huge-GGUF"]
    assert row.forecast is not None
    assert row.forecast.verdict is Verdict.FITS
    assert row.recommended
    assert _text(page, "repository.name") == "Tiny-Chat"
    assert _text(page, "fileDetail.reason") == row.forecast.reason


def test_the_line_that_runs_it_is_copied_whole(qtbot: QtBot, page: DiscoverPage, window: Window) -> None:
    _opened(qtbot, page)

    QTest.mouseClick(_button(page, "fileDetail.line.copy"), Qt.MouseButton.LeftButton)

    line = QGuiApplication.clipboard().text()
    plan = page.repository.plan
    assert plan is not None
    assert line == plan.line
    begun = "llama-server -hf owner/Tiny-Chat-GGUF:F16 -c 2048 -b 512 -ub 512 -np 1 -ngl 0 --device none -t "
    assert line.startswith(begun)
    assert window.said == ["The command line was copied."]


def test_the_context_slider_moves_the_forecast_of_every_file(qtbot: QtBot, page: DiscoverPage) -> None:
    before = _opened(qtbot, page).forecast
    slider = page.findChild(ContextSlider, "contextSlider")
    assert slider is not None

    slider.setValue(slider.minimum())
    qtbot.waitUntil(lambda: page.repository.settled)

    after = page.repository.files.rows[0].forecast
    assert before is not None
    assert after is not None
    assert after.context_length == slider.minimum()
    assert (after.kv_cache_bytes or 0) < (before.kv_cache_bytes or 0)


def test_a_download_ends_in_the_library(qtbot: QtBot, page: DiscoverPage, window: Window) -> None:
    _opened(qtbot, page)

    QTest.mouseClick(_button(page, "fileDetail.download"), Qt.MouseButton.LeftButton)

    qtbot.waitUntil(lambda: page.repository.files.rows[0].entry is not None, timeout=30_000)
    qtbot.waitUntil(lambda: window.said == ["Tiny-Chat F16 is in the library."], timeout=10_000)
    entry = page.repository.files.rows[0].entry
    assert entry is not None
    assert entry.verified is True
    assert entry.ref.path is not None
    assert Path(entry.ref.path).is_file()
    assert not _button(page, "fileDetail.download").isVisible()
    assert _button(page, "fileDetail.compare").isVisible()


def test_a_download_of_wrong_bytes_says_so_and_can_be_begun_again(
    qtbot: QtBot, page: DiscoverPage, hub: HubServer, window: Window
) -> None:
    _opened(qtbot, page)
    hub.fail(Fault("corrupt", after_bytes=100_000, times=8))

    QTest.mouseClick(_button(page, "fileDetail.download"), Qt.MouseButton.LeftButton)

    qtbot.waitUntil(lambda: bool(window.said), timeout=60_000)
    assert "not what the Hub promised" in window.said[0]
    qtbot.waitUntil(lambda: _button(page, "fileDetail.download").isVisible())


def test_a_paused_download_is_resumed_where_it_was_begun(
    qtbot: QtBot, page: DiscoverPage, hub: HubServer, window: Window, garden: Garden
) -> None:
    _opened(qtbot, page)
    hub.fail(Fault("slow", bytes_per_second=400_000))
    table = page.findChild(QTableView, "files")
    assert table is not None
    cell = table.model().index(0, FileColumn.ACTION)
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(cell).center())
    qtbot.waitUntil(lambda: bool(garden.activity.jobs()) and garden.activity.jobs()[0].done > 100_000, timeout=20_000)
    (job,) = garden.activity.jobs()

    garden.activity.pause(job.id)

    qtbot.waitUntil(lambda: page.repository.files.rows[0].paused, timeout=10_000)
    assert cell.data(Qt.ItemDataRole.AccessibleTextRole) == "Resume"
    assert cell.data(Qt.ItemDataRole.ToolTipRole) == "Resume"
    assert _button(page, "fileDetail.download").accessibleName() == "Resume"
    assert _text(page, "fileDetail.state").startswith("Paused by you · ")
    # Both presses: the second finds it going on already.
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(cell).center())
    QTest.mouseClick(_button(page, "fileDetail.download"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.repository.files.rows[0].entry is not None, timeout=30_000)
    qtbot.waitUntil(lambda: window.said == ["Tiny-Chat F16 is in the library."], timeout=10_000)
    assert [(done.id, done.state) for done in garden.activity.jobs()] == [(job.id, JobState.SUCCEEDED)]


@pytest.fixture
def under_way(qtbot: QtBot, page: DiscoverPage, hub: HubServer, garden: Garden) -> JobRecord:
    """A download of the first file of which more than 100 kB have come."""
    _opened(qtbot, page)
    hub.fail(Fault("slow", bytes_per_second=400_000))
    page.repository.download(page.repository.files.rows[0].file.filename)
    qtbot.waitUntil(lambda: bool(garden.activity.jobs()) and garden.activity.jobs()[0].done > 100_000, timeout=20_000)
    qtbot.waitUntil(lambda: page.repository.files.rows[0].downloading, timeout=10_000)
    return garden.activity.jobs()[0]


@pytest.mark.parametrize("way", ["double click", "enter", "click", "button"])
def test_no_press_on_a_running_download_costs_what_came(
    qtbot: QtBot, page: DiscoverPage, garden: Garden, under_way: JobRecord, way: str
) -> None:
    table = page.findChild(QTableView, "files")
    assert table is not None
    first, last = (table.model().index(0, column) for column in (0, FileColumn.ACTION))
    qtbot.waitUntil(lambda: last.data(Qt.ItemDataRole.AccessibleTextRole) == "Pause", timeout=10_000)
    match way:
        case "double click":
            place = table.visualRect(first).center()
            QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
            QTest.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
        case "enter":
            QTest.keyClick(table, Qt.Key.Key_Return)
        case "click":
            QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(last).center())
        case _:
            QTest.mouseClick(_button(page, "fileDetail.pause"), Qt.MouseButton.LeftButton)

    qtbot.waitUntil(lambda: garden.activity.jobs()[0].state is not JobState.RUNNING, timeout=10_000)

    assert garden.activity.jobs()[0].state is JobState.PAUSED
    assert any(part.size_bytes > 100_000 for part in garden.unfinished.list())


def test_a_cancel_says_how_much_it_deletes_before_it_does(
    qtbot: QtBot, page: DiscoverPage, garden: Garden, under_way: JobRecord
) -> None:
    def ask(answer: str) -> None:
        QTest.mouseClick(_button(page, "fileDetail.cancel"), Qt.MouseButton.LeftButton)
        assert _text(page, "cancelQuestion.view.title") == "Cancel the download of F16?"
        said = [label.text() for label in page.findChildren(QLabel) if "that came of it are deleted" in label.text()]
        assert said and said[0].startswith("The ")
        assert " KiB " in said[0] or " MiB " in said[0]
        QTest.mouseClick(_button(page, f"cancelQuestion.view.{answer}"), Qt.MouseButton.LeftButton)

    ask("action2")
    assert garden.activity.jobs()[0].state is JobState.RUNNING
    ask("action1")
    qtbot.waitUntil(lambda: garden.activity.jobs()[0].state is JobState.CANCELLED, timeout=10_000)
    assert garden.unfinished.list() == ()


def test_what_a_paused_download_needs_stands_before_its_forecast(qtbot: QtBot, theme: ThemeController) -> None:
    detail = FileDetail(theme)
    qtbot.addWidget(detail)
    full = JobRecord(
        id="1",
        kind=JobKind.DOWNLOAD,
        title="m",
        state=JobState.PAUSED,
        done=GIB,
        total=2 * GIB,
        error="The disk is full.",
        action="Free some space.",
    )
    row = FileRow(file=repository_file("Q8_0", 2 * GIB), forecast=forecast(), job=full)

    # Room is needed for what is missing, not for the whole file.
    detail.show_row(row, "", disk_free_bytes=int(1.5 * GIB))

    reason, state = detail.findChild(QLabel, "fileDetail.reason"), detail.findChild(QLabel, "fileDetail.state")
    resume = detail.findChild(QAbstractButton, "fileDetail.download")
    assert reason is not None
    assert state is not None
    assert resume is not None
    assert (reason.text(), state.text()) == ("The disk is full. Free some space.", "Paused · 1.00 GiB of 2.00 GiB")
    assert (resume.text(), resume.isEnabled()) == ("Resume", True)


def test_the_action_of_a_row_is_a_click_on_its_last_cell(qtbot: QtBot, page: DiscoverPage) -> None:
    _opened(qtbot, page)
    table = page.findChild(QTableView, "files")
    assert table is not None
    cell = table.visualRect(table.model().index(0, FileColumn.ACTION))

    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=cell.center())

    qtbot.waitUntil(lambda: page.repository.files.rows[0].entry is not None, timeout=30_000)


def test_words_narrow_the_list(qtbot: QtBot, page: DiscoverPage) -> None:
    _opened(qtbot, page)
    field = page.findChild(QLineEdit, "search")
    assert field is not None

    QTest.keyClicks(field, "huge")

    qtbot.waitUntil(lambda: _names(page) == ["owner/Huge-GGUF"], timeout=20_000)


def test_a_pasted_address_opens_its_page(qtbot: QtBot, page: DiscoverPage) -> None:
    _opened(qtbot, page)
    field = page.findChild(QLineEdit, "search")
    assert field is not None
    QGuiApplication.clipboard().setText("https://huggingface.co/owner/Huge-GGUF/tree/main")

    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)

    qtbot.waitUntil(lambda: _text(page, "repository.id") == "owner/Huge-GGUF", timeout=20_000)
    # The list is of what the field says.
    qtbot.waitUntil(lambda: _names(page) == ["owner/Huge-GGUF"], timeout=20_000)
    assert field.text() == "owner/Huge-GGUF"
    models = page.findChild(QListView, "models")
    assert models is not None
    assert models.currentIndex().row() == 0


@pytest.mark.parametrize(
    "address", ["https://huggingface.co/owner/Huge-GGUF/blob/main/{file}", "owner/Huge-GGUF/blob/main/{file}"]
)
def test_an_address_that_is_typed_stays_as_it_is_until_enter(
    qtbot: QtBot, page: DiscoverPage, hub: HubServer, address: str
) -> None:
    row = _opened(qtbot, page)
    field = page.findChild(QLineEdit, "search")
    assert field is not None
    address, typed = address.format(file=row.file.filename), ""
    page.focus_search()
    begun = len(hub.requests)

    for letter in address:
        QTest.keyClicks(field, letter)
        typed += letter
        assert field.text() == typed
        # As slowly as someone who copies it from paper, where it may be taken for words.
        qtbot.wait(DEBOUNCE_MS + 50 if letter in "/:" and "://" in typed else 5)

    assert [request.path for request in hub.requests[begun:]] == []
    assert _text(page, "repository.id") == "owner/Tiny-Chat-GGUF"
    assert _text(page, "discover.count") == f"Press Enter to open owner/Huge-GGUF, {row.file.filename}"
    QTest.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: _text(page, "repository.id") == "owner/Huge-GGUF", timeout=20_000)
    qtbot.waitUntil(lambda: _names(page) == ["owner/Huge-GGUF"], timeout=20_000)
    qtbot.waitUntil(lambda: page.repository.selected is not None, timeout=20_000)
    assert field.text() == "owner/Huge-GGUF"


def test_a_page_that_is_not_there_goes_with_the_words_that_asked_for_it(qtbot: QtBot, page: DiscoverPage) -> None:
    _opened(qtbot, page)
    field = page.findChild(QLineEdit, "search")
    state = page.findChild(StateView, "repository.state")
    assert field is not None
    assert state is not None
    page.focus_search()
    QTest.keyClicks(field, "owner/no-such-model")
    QTest.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.repository.problem is not None, timeout=20_000)
    assert "no-such-model" in state.title

    QTest.keyClick(field, Qt.Key.Key_Escape)

    assert state.title == "Choose a model"
    qtbot.waitUntil(lambda: _text(page, "repository.id") == "owner/Tiny-Chat-GGUF", timeout=20_000)
    qtbot.waitUntil(lambda: page.repository.repository is not None, timeout=20_000)
    assert page.repository.problem is None


def test_what_is_open_is_of_the_list_beside_it(qtbot: QtBot, page: DiscoverPage) -> None:
    _opened(qtbot, page)

    page.search_for("huge")

    qtbot.waitUntil(lambda: page.repository.repo_id == "owner/Huge-GGUF", timeout=20_000)
    page.search_for("no such model")
    qtbot.waitUntil(lambda: page.repository.repo_id is None, timeout=20_000)
    state = page.findChild(StateView, "repository.state")
    assert state is not None
    assert (state.title, state.isVisible()) == ("Choose a model", True)


def test_runs_here_hides_what_is_too_large(qtbot: QtBot, page: DiscoverPage) -> None:
    _opened(qtbot, page)

    QTest.mouseClick(_button(page, "filter.runsHere"), Qt.MouseButton.LeftButton)

    assert _names(page) == ["owner/Tiny-Chat-GGUF"]
    assert _text(page, "discover.count") == "1 loaded, 2 looked through"


def test_enter_in_the_list_leads_to_the_files(qtbot: QtBot, page: DiscoverPage) -> None:
    _opened(qtbot, page)
    models = page.findChild(QListView, "models")
    files = page.findChild(QTableView, "files")
    assert models is not None
    assert files is not None
    page.activateWindow()
    models.setFocus()

    QTest.keyClick(models, Qt.Key.Key_Return)

    qtbot.waitUntil(files.hasFocus)


def test_nothing_found_says_so_and_offers_a_way_back(qtbot: QtBot, page: DiscoverPage) -> None:
    _opened(qtbot, page)

    page.search_for("no such model")

    qtbot.waitUntil(lambda: page.search.answered and not _names(page), timeout=20_000)
    state = page.findChild(StateView, "discover.state")
    assert state is not None
    qtbot.waitUntil(state.isVisible)
    assert state.title == "Nothing found"


def test_a_hub_that_does_not_answer_is_tried_again_by_a_button(
    qtbot: QtBot, page: DiscoverPage, hub: HubServer
) -> None:
    _opened(qtbot, page)
    hub.fail(Fault("status", where="api", path="/api/models", status=500, times=20))
    page.search_for("tiny")
    qtbot.waitUntil(lambda: page.search.problem is not None, timeout=60_000)
    assert _names(page) == [], "rows of another search are no answer to this one"
    hub.faults.clear()

    QTest.mouseClick(_button(page, "discover.state.action1"), Qt.MouseButton.LeftButton)

    qtbot.waitUntil(lambda: page.search.problem is None and _names(page) == ["owner/Tiny-Chat-GGUF"], timeout=20_000)


def test_a_hub_that_refuses_connections_leads_to_its_address_in_the_settings(
    qtbot: QtBot, theme: ThemeController, window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with Garden.open() as garden:
        pump = EventPump(garden.bus)
        page = DiscoverPage(garden, pump, window, theme)
        qtbot.addWidget(page)
        page.show()
        qtbot.waitUntil(lambda: page.search.problem is not None, timeout=60_000)

        QTest.mouseClick(_button(page, "discover.state.action2"), Qt.MouseButton.LeftButton)

        assert window.pages == ["settings.hub"]
        pump.close()


def test_the_card_is_fetched_when_its_tab_is_opened(qtbot: QtBot, page: DiscoverPage, hub: HubServer) -> None:
    _opened(qtbot, page)
    assert not any("README" in request.path for request in hub.requests)

    assert page.repository.repository is not None
    page.repository.card.read(page.repository.repository)

    qtbot.waitUntil(lambda: page.repository.card.text is not None, timeout=20_000)
    assert page.repository.card.text == CARD


def test_the_next_start_shows_what_was_seen_before_the_hub_answers(
    qtbot: QtBot, page: DiscoverPage, theme: ThemeController, window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    _opened(qtbot, page)

    with Garden.open() as garden:
        monkeypatch.setattr(garden.catalog, "search", lambda query, cursor=None: Handle())
        pump = EventPump(garden.bus)
        later = DiscoverPage(garden, pump, window, theme)
        qtbot.addWidget(later)
        later.show()

        qtbot.waitUntil(lambda: _names(later) == ["owner/Tiny-Chat-GGUF", "owner/Huge-GGUF"])
        assert later.search.from_index
        pump.close()


def test_a_new_search_that_fails_shows_no_results_of_another(qtbot: QtBot, page: DiscoverPage, hub: HubServer) -> None:
    _opened(qtbot, page)
    hub.fail(Fault("drop", where="api", path="/api/models", times=50))

    page.search_for("something else")

    qtbot.waitUntil(lambda: page.search.problem is not None, timeout=30_000)
    state = page.findChild(StateView, "discover.state")
    assert state is not None
    assert state.isVisible()
    assert page.search.models.rowCount() == 0
    shown = [button.text() for button in state.findChildren(QAbstractButton) if button.isVisible()]
    assert shown == ["Try again", "Settings"]


def test_the_figures_of_a_download_are_whole(qtbot: QtBot, theme: ThemeController) -> None:
    detail = FileDetail(theme)
    qtbot.addWidget(detail)
    size = round(506.2 * 1024**2)
    job = JobRecord(
        id="j",
        kind=JobKind.DOWNLOAD,
        title="m",
        state=JobState.RUNNING,
        done=round(340.7 * 1024**2),
        total=size,
        rate=80.9 * 1024**2,
        seconds_left=130,
        started_at=1.0,
    )
    row = FileRow(file=repository_file("Q4_K_M", size), forecast=forecast(), job=job)

    detail.show_row(row, "", 50 * GIB)
    detail.resize(600, 400)
    detail.show()

    (state,) = [label for label in detail.findChildren(QLabel) if "340.7 MiB of 506.2 MiB" in label.text()]
    assert "80.9 MiB/s" in state.text()
    assert state.width() >= state.sizeHint().width()
    assert state.geometry().right() < detail.width()
    compare = detail.findChild(QAbstractButton, "fileDetail.cancel")
    assert compare is not None
    assert compare.isVisible()


def test_a_row_takes_the_figure_of_its_files_once_their_headers_were_read(qtbot: QtBot, page: DiscoverPage) -> None:
    _opened(qtbot, page)
    models = page.search.models

    def listed() -> FitForecast:
        return models.rated(models.row_of("owner/Tiny-Chat-GGUF")).forecast

    qtbot.waitUntil(lambda: listed().method is not FitMethod.ROUGH, timeout=20_000)

    assert listed().total_bytes in [row.forecast.total_bytes for row in page.repository.files.rows if row.forecast]
    page.search.search()
    qtbot.waitUntil(lambda: not page.search.busy, timeout=20_000)
    assert listed().method is not FitMethod.ROUGH, "another search knows it still"


def test_every_verdict_is_for_the_machine_that_is_looked_through(
    qtbot: QtBot, page: DiscoverPage, garden: Garden
) -> None:
    assert _opened(qtbot, page).forecast is not None
    here = page.search.models.rated(0).forecast.verdict
    measure = _button(page, "fileDetail.measure")
    card = next(machine for machine in garden.what_if.machines if machine.gpu_bytes)

    def placement() -> Placement:
        forecast = page.repository.files.rows[0].forecast
        assert forecast is not None
        return forecast.placement

    qtbot.waitUntil(lambda: placement() is Placement.CPU and measure.isVisible())

    garden.what_if.choose(card)

    qtbot.waitUntil(lambda: placement() is Placement.GPU and not measure.isVisible())
    qtbot.waitUntil(lambda: page.search.models.rated(0).forecast.placement is Placement.GPU)

    garden.what_if.choose(None)

    qtbot.waitUntil(lambda: placement() is Placement.CPU and measure.isVisible())
    qtbot.waitUntil(lambda: page.search.models.rated(0).forecast.verdict is here)


def _press(qtbot: QtBot, page: DiscoverPage, name: str) -> None:
    button = page.window().findChild(QAbstractButton, name)
    assert button is not None
    button.click()


def _typed(page: DiscoverPage, name: str, text: str) -> None:
    line = page.window().findChild(QLineEdit, name)
    assert line is not None
    line.setText(text)


def test_a_search_is_kept_renamed_opened_and_forgotten(qtbot: QtBot, page: DiscoverPage, garden: Garden) -> None:
    _opened(qtbot, page)
    page.search.change(dataclasses.replace(page.search.query, runs_here=True, text="tiny"))
    kept = garden.saved_searches

    _press(qtbot, page, "filter.save")
    _typed(page, "savedSearches.name", "small ones")
    _press(qtbot, page, "savedSearches.save")
    qtbot.waitUntil(lambda: [saved.name for saved in kept.all()] == ["small ones"])
    saved = page.window().findChild(QListView, "savedSearches.list")
    assert saved is not None
    qtbot.waitUntil(lambda: saved.model().rowCount() == 1)
    assert saved.model().index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole) == "small ones, “tiny” · Runs here"
    _press(qtbot, page, "savedSearches.rename")
    _typed(page, "savedSearches.title", "tiny ones")
    _press(qtbot, page, "savedSearches.rename")
    qtbot.waitUntil(lambda: [saved.name for saved in kept.all()] == ["tiny ones"])

    page.search.change(page.search.query.plain)
    qtbot.waitUntil(lambda: saved.model().index(0, 0).data() == "tiny ones")
    _press(qtbot, page, "savedSearches.open")
    assert (page.search.query.runs_here, page.search.query.text) == (True, "tiny")
    _press(qtbot, page, "filter.save")
    again = page.window().findChildren(QListView, "savedSearches.list")[-1]
    qtbot.waitUntil(lambda: again.model().rowCount() == 1)
    page.window().findChildren(QAbstractButton, "savedSearches.delete")[-1].click()
    qtbot.waitUntil(lambda: kept.all() == ())


def test_a_pasted_file_opens_its_page_with_that_file_chosen(qtbot: QtBot, page: DiscoverPage, hub: HubServer) -> None:
    row = _opened(qtbot, page)
    template = hub.state.repositories["owner/Tiny-Chat-GGUF"]
    content = template.files[0].content
    files = tuple(dataclasses.replace(template.files[0], filename=f"pasted-{quant}.gguf", content=content)
                  for quant in ("F16", "Q8_0", "Q4_0"))  # fmt: skip
    hub.state.put([dataclasses.replace(template, repo_id="other/Pasted-GGUF", files=files)])
    assert row.file.filename != "pasted-Q4_0.gguf"

    page.search.submit(f"{hub.endpoint}/other/Pasted-GGUF/blob/main/pasted-Q4_0.gguf")

    def chosen() -> str | None:
        return page.repository.selected.file.filename if page.repository.selected else None

    qtbot.waitUntil(lambda: chosen() == "pasted-Q4_0.gguf", timeout=20_000)
    qtbot.waitUntil(lambda: all(row.forecast is not None for row in page.repository.files.rows), timeout=20_000)
    assert chosen() == "pasted-Q4_0.gguf"
    table = page.findChild(QTableView, "files")
    assert table is not None
    assert table.currentIndex().row() == page.repository.files.row_of("pasted-Q4_0.gguf")

    page.search.submit("other/Pasted-GGUF:q8_0")
    assert chosen() == "pasted-Q8_0.gguf"


def test_the_first_screen_takes_at_most_three_requests_of_the_api(
    qtbot: QtBot, page: DiscoverPage, hub: HubServer
) -> None:
    _opened(qtbot, page)

    api = [request.path for request in hub.requests if request.path.startswith("/api/")]
    assert len([path for path in api if path.startswith("/api/models?")]) == 1
    assert len(api) <= 3


def test_look_further_goes_on_where_a_search_has_ended(qtbot: QtBot, page: DiscoverPage, hub: HubServer) -> None:
    _opened(qtbot, page)
    small = hub.state.repositories["owner/Tiny-Chat-GGUF"]
    huge = hub.state.repositories["owner/Huge-GGUF"]
    hub.state.repositories.clear()
    hub.state.put([dataclasses.replace(huge, repo_id=f"owner/Huge-{number}", trending=9) for number in range(1_050)])
    hub.state.put([dataclasses.replace(small, trending=1)])
    page.search.search()
    qtbot.waitUntil(lambda: page.search.models.loaded == 30)

    _button(page, "filter.runsHere").click()
    qtbot.waitUntil(lambda: page.search.can_look_further, timeout=30_000)
    assert page.search.models.loaded == 1_030
    state = page.findChild(StateView, "discover.state")
    assert state is not None
    (further,) = (b for b in state.findChildren(QAbstractButton) if b.text() == "Look further")
    further.click()

    qtbot.waitUntil(lambda: _names(page) == ["owner/Tiny-Chat-GGUF"], timeout=20_000)
    assert _text(page, "discover.count") == "1 loaded, 1051 looked through"


def test_the_list_says_under_which_load_its_rows_are_rated(qtbot: QtBot, page: DiscoverPage, garden: Garden) -> None:
    _opened(qtbot, page)

    assert _text(page, "discover.basis") == "16k context, f16 cache"
    garden.settings.change(context_length=8_192, kv_type="q8_0")
    page.search.search()
    qtbot.waitUntil(lambda: _text(page, "discover.basis") == "8k context, q8_0 cache")
