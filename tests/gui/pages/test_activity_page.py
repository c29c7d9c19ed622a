from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget
from pytestqt.qtbot import QtBot

from garden.core.errors import CancelledByUser
from garden.core.job_record import JobKind, JobState
from garden.gui.bridge.event_pump import EventPump
from garden.gui.pages.activity_page import ActivityPage
from garden.gui.pages.job_row import JobRow
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.job_actions import JobAction
from garden.gui.widgets.chip import Chip
from garden.jobs.job_context import JobContext
from garden.services.garden import Garden
from garden.services.target import parse_hub_target
from tests.hubserver import Fault, HubServer, repository_of


class Window:
    """What the page asks of the window."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.pages: list[str] = []
        self.compared: list[str] = []

    def show_page(self, name: str) -> None:
        self.pages.append(name)

    def notify(self, sentence: str, _action: str = "") -> None:
        self.said.append(sentence)

    def compare(self, entries: Sequence[Any], loads: object = None) -> None:
        self.compared += [entry.ref.name for entry in entries]


@pytest.fixture
def garden() -> Iterator[Garden]:
    with Garden.open() as garden:
        yield garden


@pytest.fixture
def window() -> Window:
    return Window()


@pytest.fixture
def page(qtbot: QtBot, garden: Garden, window: Window, theme: ThemeController) -> Iterator[ActivityPage]:
    pump = EventPump(garden.bus)
    page = ActivityPage(garden, pump, window, theme)  # type: ignore[arg-type]  # only what this page asks
    qtbot.addWidget(page)
    page.resize(1_100, 700)
    page.show()
    qtbot.waitUntil(lambda: page.activity.read)
    yield page
    page.hide()
    pump.close()


def runs(context: JobContext) -> None:
    context.progress(1)
    context.cancelled.wait(10)
    raise CancelledByUser


def submit(garden: Garden, title: str, work: Callable[[JobContext], Any] = runs, **facts: Any) -> str:
    kind = facts.pop("kind", JobKind.DOWNLOAD)
    facts.setdefault("resumable", True)
    return garden.activity.submit(kind, title, "Q4_K_M", work, total=10, **facts).id


def shown(page: ActivityPage, job_id: str, state: JobState) -> JobRow | None:
    row = page.jobs.row(job_id)
    return row if row is not None and row.facts.job.state is state else None


def wait_for(qtbot: QtBot, page: ActivityPage, job_id: str, state: JobState) -> JobRow:
    qtbot.waitUntil(lambda: shown(page, job_id, state) is not None)
    row = page.jobs.row(job_id)
    assert row is not None
    return row


def press(row: JobRow, action: JobAction) -> None:
    button = row.button(action)
    assert button is not None
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def texts(page: QWidget) -> list[str]:
    return [button.text() for button in page.findChildren(QAbstractButton) if button.isVisible() and button.text()]


def test_an_empty_page_leads_to_what_would_fill_it(qtbot: QtBot, page: ActivityPage, window: Window) -> None:
    button = next(button for button in page.findChildren(QAbstractButton) if button.text() == "Find a model")

    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert window.pages == ["discover"]


def test_buttons_of_a_row_are_named_for_a_screen_reader(qtbot: QtBot, garden: Garden, page: ActivityPage) -> None:
    row = wait_for(qtbot, page, submit(garden, "gemma"), JobState.RUNNING)

    assert [button.accessibleName() for button in row.buttons] == ["Pause gemma Q4_K_M", "Cancel gemma Q4_K_M"]
    qtbot.waitUntil(lambda: "1 B of 10 B" in row.accessibleDescription())
    assert row.accessibleName() == "gemma Q4_K_M: Downloading"


def test_a_row_keeps_its_widget_while_it_moves_through_the_sections(
    qtbot: QtBot, garden: Garden, page: ActivityPage
) -> None:
    job_id = submit(garden, "gemma")
    row = wait_for(qtbot, page, job_id, JobState.RUNNING)

    press(row, JobAction.PAUSE)
    assert wait_for(qtbot, page, job_id, JobState.PAUSED) is row
    press(row, JobAction.RESUME)
    assert wait_for(qtbot, page, job_id, JobState.RUNNING) is row
    press(row, JobAction.CANCEL)
    assert wait_for(qtbot, page, job_id, JobState.CANCELLED) is row


def test_progress_moves_the_bar_without_laying_the_rows_anew(
    qtbot: QtBot, garden: Garden, page: ActivityPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def work(context: JobContext) -> None:
        context.progress(2)
        go_on.wait(10)
        context.progress(7)
        context.cancelled.wait(10)
        raise CancelledByUser

    row = wait_for(qtbot, page, submit(garden, "gemma", work), JobState.RUNNING)
    qtbot.waitUntil(lambda: row.facts.lines.fraction == 0.2)
    laid: list[object] = []
    monkeypatch.setattr(page.jobs, "show_sections", lambda *given, **named: laid.append(given))
    go_on.set()

    qtbot.waitUntil(lambda: row.facts.lines.fraction == 0.7)
    assert laid == []


def test_keys_alone_move_pause_and_cancel(qtbot: QtBot, garden: Garden, page: ActivityPage) -> None:
    first = submit(garden, "first")
    wait_for(qtbot, page, first, JobState.RUNNING)
    second = submit(garden, "second")
    row = wait_for(qtbot, page, second, JobState.RUNNING)
    page.activateWindow()
    page.jobs.rows[0].setFocus()
    qtbot.waitUntil(page.jobs.rows[0].hasFocus)

    QTest.keyClick(page.jobs.rows[0], Qt.Key.Key_Down)
    assert row.hasFocus()
    QTest.keyClick(row, Qt.Key.Key_Space)
    wait_for(qtbot, page, second, JobState.PAUSED)
    assert row.hasFocus()
    QTest.keyClick(row, Qt.Key.Key_Delete)
    wait_for(qtbot, page, second, JobState.CANCELLED)
    assert shown(page, first, JobState.RUNNING) is not None


def test_tab_goes_through_a_row_and_its_buttons(qtbot: QtBot, garden: Garden, page: ActivityPage) -> None:
    row = wait_for(qtbot, page, submit(garden, "gemma"), JobState.RUNNING)
    page.activateWindow()
    row.setFocus()
    qtbot.waitUntil(row.hasFocus)
    visited = []
    for _step in range(2):
        QTest.keyClick(QApplication.focusWidget() or page, Qt.Key.Key_Tab)
        visited.append(QApplication.focusWidget())

    assert visited == list(row.buttons)


def test_the_focus_stays_in_the_row_when_its_button_goes(qtbot: QtBot, garden: Garden, page: ActivityPage) -> None:
    job_id = submit(garden, "gemma")
    row = wait_for(qtbot, page, job_id, JobState.RUNNING)
    page.activateWindow()
    pause = row.button(JobAction.PAUSE)
    assert pause is not None
    pause.setFocus()
    qtbot.waitUntil(pause.hasFocus)

    QTest.keyClick(pause, Qt.Key.Key_Space)
    wait_for(qtbot, page, job_id, JobState.PAUSED)
    assert QApplication.focusWidget() is row.button(JobAction.RESUME)


def test_what_is_cleared_leaves_and_the_rest_stays(qtbot: QtBot, garden: Garden, page: ActivityPage) -> None:
    ended = submit(garden, "ended", lambda _context: None)
    wait_for(qtbot, page, ended, JobState.SUCCEEDED)
    running = submit(garden, "running")
    wait_for(qtbot, page, running, JobState.RUNNING)

    clear = next(button for button in page.findChildren(QAbstractButton) if button.text() == "Clear")
    QTest.mouseClick(clear, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.jobs.row(ended) is None)
    assert shown(page, running, JobState.RUNNING) is not None
    assert "Clear" not in texts(page)


def test_a_kind_without_work_offers_the_way_back(qtbot: QtBot, garden: Garden, page: ActivityPage) -> None:
    wait_for(qtbot, page, submit(garden, "gemma"), JobState.RUNNING)
    checks = next(button for button in page.findChildren(QAbstractButton) if button.text() == "Checks")

    QTest.mouseClick(checks, Qt.MouseButton.LeftButton)
    assert "Show all" in texts(page)
    back = next(button for button in page.findChildren(QAbstractButton) if button.text() == "Show all")
    QTest.mouseClick(back, Qt.MouseButton.LeftButton)
    assert [row.facts.job.title for row in page.jobs.rows if row.isVisible()] == ["gemma"]


def test_a_file_that_is_gone_is_said_instead_of_opening_its_folder(
    qtbot: QtBot, garden: Garden, page: ActivityPage, window: Window
) -> None:
    def work(context: JobContext) -> None:
        context.result_path = "/nowhere/gone.gguf"

    row = wait_for(qtbot, page, submit(garden, "gone", work), JobState.SUCCEEDED)

    press(row, JobAction.SHOW_FILE)
    assert window.said == ["gone.gguf is no longer there."]


def test_a_download_is_paused_resumed_and_compared_from_its_row(
    qtbot: QtBot,
    garden: Garden,
    page: ActivityPage,
    window: Window,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = parse_hub_target("owner/Tiny-Chat-GGUF:F16")
    assert target is not None
    with HubServer([repository_of("owner/Tiny-Chat-GGUF", tiny_model)]) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        hub.faults.add(Fault("stall", after_bytes=200_000))
        job_id = garden.library.download_target(target).id
        row = wait_for(qtbot, page, job_id, JobState.RUNNING)
        qtbot.waitUntil(lambda: (row.facts.lines.fraction or 0) > 0, timeout=20_000)
        press(row, JobAction.PAUSE)
        wait_for(qtbot, page, job_id, JobState.PAUSED)
        assert row.facts.lines.state.startswith("Paused by you at ")

        press(row, JobAction.RESUME)
        qtbot.waitUntil(lambda: shown(page, job_id, JobState.SUCCEEDED) is not None, timeout=20_000)
        assert row.facts.lines.state == "Downloaded and verified"
    press(row, JobAction.COMPARE)
    qtbot.waitUntil(lambda: window.compared == ["Tiny-Chat"])


def test_every_button_has_a_name(qtbot: QtBot, garden: Garden, page: ActivityPage) -> None:
    wait_for(qtbot, page, submit(garden, "gemma"), JobState.RUNNING)

    buttons = [button for button in page.findChildren(QAbstractButton) if button.isVisible()]
    assert [button for button in buttons if not button.accessibleName() or not button.objectName()] == []


def test_the_keyboard_moves_what_waits(qtbot: QtBot, garden: Garden, page: ActivityPage) -> None:
    ids = [submit(garden, title) for title in ("a", "b", "c", "d")]
    row = wait_for(qtbot, page, ids[3], JobState.WAITING)
    qtbot.waitUntil(lambda: row.button(JobAction.MOVE_UP) is not None)
    row.setFocus(Qt.FocusReason.TabFocusReason)

    QTest.keyClick(row, Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: list(garden.activity.queue()) == [ids[3], ids[2]])
    qtbot.waitUntil(lambda: [shown.facts.job.title for shown in page.jobs.rows[-2:]] == ["d", "c"])
    QTest.keyClick(row, Qt.Key.Key_Down, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: list(garden.activity.queue()) == [ids[2], ids[3]])


def test_a_download_says_what_pausing_and_cancelling_do_to_its_bytes(
    qtbot: QtBot, garden: Garden, page: ActivityPage
) -> None:
    row = wait_for(qtbot, page, submit(garden, "gemma"), JobState.RUNNING)
    hints = [button.toolTip() for button in row.buttons]
    assert any("what came is kept" in hint for hint in hints), hints
    cancel = row.button(JobAction.CANCEL)
    assert cancel is not None
    qtbot.waitUntil(lambda: cancel.toolTip() == "Cancel, and clear what came: 1 B (Delete)")


def test_the_limits_stand_in_the_toolbar(qtbot: QtBot, garden: Garden, page: ActivityPage) -> None:
    chips = {chip.objectName(): chip for chip in page.findChildren(Chip)}
    assert chips["activity.limit"].accessibleName() == "Limit: none"
    chips["activity.atOnce"].chosen.emit(4)
    chips["activity.limit"].chosen.emit(5 * 1024**2)
    qtbot.waitUntil(lambda: chips["activity.limit"].accessibleName() == "Limit: 5 MiB/s")
    qtbot.waitUntil(lambda: chips["activity.atOnce"].accessibleName() == "At once: 4")
    assert garden.settings.current.bandwidth_limit == 5 * 1024**2
