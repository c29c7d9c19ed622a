from __future__ import annotations

import functools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QApplication,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from garden.core.events import JobChanged
from garden.core.job_record import JobKind, JobRecord, JobState
from garden.gui.application import make_window, render_pages
from garden.gui.main_window import MainWindow
from garden.gui.page_list import PAGES
from garden.gui.pages.library_page import LibraryPage
from garden.gui.question import Question
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.memory_meter import MemoryMeter
from garden.gui.widgets.overlay import Popover
from garden.gui.widgets.rail import Rail, RailButton
from garden.services.garden import Garden

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def window(qtbot: QtBot, garden: Garden, theme: ThemeController) -> Iterator[MainWindow]:
    window = MainWindow(garden, theme)
    qtbot.addWidget(window)
    window.resize(1_280, 800)
    window.show_page("library")
    window.begin()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    yield window
    window.dismiss()


def _job(state: JobState = JobState.RUNNING, kind: JobKind = JobKind.DOWNLOAD, number: int = 0) -> JobRecord:
    return JobRecord(id=f"{kind}-{number}", kind=kind, title="m", state=state, resumable=kind is JobKind.DOWNLOAD)


def _rail_button(window: MainWindow, name: str) -> RailButton:
    button = window.findChild(RailButton, f"rail.{name}")
    assert button is not None
    return button


# --- pages and keys ---


@pytest.mark.parametrize(
    ("key", "page"),
    [
        (Qt.Key.Key_1, "discover"),
        (Qt.Key.Key_2, "library"),
        (Qt.Key.Key_3, "workshop"),
        (Qt.Key.Key_4, "compare"),
        (Qt.Key.Key_5, "machine"),
        (Qt.Key.Key_6, "activity"),
        (Qt.Key.Key_Comma, "settings"),
    ],
)
def test_every_page_has_its_keys(qtbot: QtBot, window: MainWindow, key: Qt.Key, page: str) -> None:
    QTest.keyClick(window, key, CTRL)

    assert window.current_page == page
    assert window.page(page).isVisible()
    assert _rail_button(window, page).isChecked()


def test_a_page_is_built_when_it_is_first_shown(window: MainWindow) -> None:
    assert window.findChild(QLineEdit, "settings.search") is None

    window.show_page("settings")

    assert window.findChild(QLineEdit, "settings.search") is not None


def test_ctrl_f_leads_to_the_search_of_the_page(qtbot: QtBot, window: MainWindow) -> None:
    for page, field in (("discover", "search"), ("library", "library.filter"), ("settings", "settings.search")):
        window.show_page(page)

        QTest.keyClick(window, Qt.Key.Key_F, CTRL)

        focus = QApplication.focusWidget()
        assert focus is not None
        assert focus.objectName() == field


def _folded(window: MainWindow) -> bool:
    rail = window.findChild(Rail, "rail")
    assert rail is not None
    return rail.collapsed


def test_ctrl_b_folds_the_rail_and_unfolds_it(window: MainWindow) -> None:
    seen = [_folded(window)]
    for _ in range(2):
        QTest.keyClick(window, Qt.Key.Key_B, CTRL)
        seen.append(_folded(window))

    assert seen == [False, True, False]


def test_a_narrow_window_folds_the_rail_by_itself(window: MainWindow) -> None:
    seen = []
    for width in (1_000, 1_280):
        window.resize(width, 800)
        seen.append(_folded(window))

    assert seen == [True, False]


def test_the_palette_leads_to_a_page(qtbot: QtBot, window: MainWindow) -> None:
    QTest.keyClick(window, Qt.Key.Key_K, CTRL)
    field = window.findChild(QLineEdit, "commandPalette.field")
    assert field is not None
    assert field.hasFocus()

    QTest.keyClicks(field, "workshop")
    QTest.keyClick(field, Qt.Key.Key_Return)

    assert window.current_page == "workshop"


def test_the_palette_finds_models_and_what_can_be_done_with_them(
    qtbot: QtBot, window: MainWindow, garden: Garden, tiny_model: Path
) -> None:
    garden.library.add_folder(tiny_model.parent).result(30)
    QTest.keyClick(window, Qt.Key.Key_K, CTRL)
    view = window.findChild(QAbstractItemView, "commandPalette.list")
    field = window.findChild(QLineEdit, "commandPalette.field")
    assert view is not None
    assert field is not None

    QTest.keyClicks(field, "quant tiny-chat")

    def offered(start: str) -> bool:
        titles = [str(view.model().index(row, 0).data()) for row in range(view.model().rowCount())]
        return any(title.startswith(start) for title in titles)

    assert offered("Search the Hub for “quant tiny-chat”")
    qtbot.waitUntil(lambda: offered("Quantize Tiny-Chat…"))


# --- memory ---


def test_every_header_shows_the_memory(qtbot: QtBot, window: MainWindow) -> None:
    for page in PAGES:
        window.show_page(page.name)
        meters = window.page(page.name).findChildren(MemoryMeter)
        assert len(meters) == 1, page.name
        qtbot.waitUntil(functools.partial(_says_gib, meters[0]), timeout=20_000)


def _says_gib(meter: MemoryMeter) -> bool:
    return "GiB" in meter.accessibleName()


def test_the_plan_of_one_page_does_not_stay_on_the_next(qtbot: QtBot, window: MainWindow) -> None:
    window.plan_memory(2 * 1024**3, 0)

    window.show_page("activity")

    assert window.memory.planned_ram_bytes == 0


# --- dropping ---


def _drop(window: MainWindow, *paths: Path) -> bool:
    """Drag paths onto the window; whether it takes them."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(400, 300), Qt.DropAction.CopyAction, data, buttons, keys)
    # Qt asks before it drops; an event begins accepted.
    enter.ignore()
    window.dragEnterEvent(enter)
    if not enter.isAccepted():
        return False
    window.dropEvent(QDropEvent(QPointF(400, 300), Qt.DropAction.CopyAction, data, buttons, keys))
    return True


def test_a_dropped_model_stands_in_the_library(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, tiny_model: Path
) -> None:
    shutil.copyfile(tiny_model, tmp_path / "Dropped-F16.gguf")
    window.show_page("discover")

    assert _drop(window, tmp_path / "Dropped-F16.gguf")

    assert window.current_page == "library"
    page = window.page("library")
    assert isinstance(page, LibraryPage)
    qtbot.waitUntil(lambda: page.chosen is not None and page.chosen.entry.ref.name == "Dropped", timeout=30_000)


def test_what_is_no_model_is_not_taken(window: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("notes")

    assert not _drop(window, tmp_path / "notes.txt")


def test_a_file_that_only_looks_like_a_model_is_told_in_one_sentence(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    (tmp_path / "letter.gguf").write_text("Dear reader.")

    assert _drop(window, tmp_path / "letter.gguf")

    def said() -> bool:
        notice = window.findChild(QLabel, "notice.sentence")
        return (
            notice is not None
            and notice.isVisible()
            and notice.text().startswith("letter.gguf: This is not a GGUF file.")
        )

    qtbot.waitUntil(said, timeout=30_000)
    assert window.isVisible()


# --- work under way ---


def test_the_badge_counts_work_under_way(qtbot: QtBot, window: MainWindow, garden: Garden) -> None:
    activity = _rail_button(window, "activity")
    garden.bus.publish(JobChanged(job=_job(number=1)))
    garden.bus.publish(JobChanged(job=_job(JobState.WAITING, number=2)))
    qtbot.waitUntil(lambda: activity.accessibleName() == "Activity, 2 under way")

    garden.bus.publish(JobChanged(job=_job(JobState.SUCCEEDED, number=1)))
    garden.bus.publish(JobChanged(job=_job(JobState.PAUSED, number=2)))

    qtbot.waitUntil(lambda: activity.accessibleName() == "Activity")


def test_closing_with_work_under_way_asks_once(qtbot: QtBot, window: MainWindow, garden: Garden) -> None:
    garden.bus.publish(JobChanged(job=_job()))
    qtbot.waitUntil(lambda: "1 under way" in _rail_button(window, "activity").accessibleName())

    window.close()

    assert window.isVisible()
    title = window.findChild(QLabel, "quitQuestion.view.title")
    assert title is not None
    assert title.text() == "1 download is running"
    stay = window.findChild(QAbstractButton, "quitQuestion.view.action2")
    assert stay is not None
    QTest.mouseClick(stay, Qt.MouseButton.LeftButton)
    assert window.isVisible()
    window.close()
    buttons = window.findChildren(QAbstractButton, "quitQuestion.view.action1")
    quit_button = next(button for button in buttons if button.isVisible())
    QTest.mouseClick(quit_button, Qt.MouseButton.LeftButton)
    assert not window.isVisible()


def _asked(window: MainWindow) -> list[Question]:
    return [question for question in window.findChildren(Question) if question.is_open]


@pytest.mark.parametrize(
    "key", [Qt.Key.Key_1, Qt.Key.Key_4, Qt.Key.Key_Comma, Qt.Key.Key_K, Qt.Key.Key_F, Qt.Key.Key_B, Qt.Key.Key_Q]
)
def test_no_key_reaches_behind_the_question_that_is_asked(
    qtbot: QtBot, window: MainWindow, garden: Garden, key: Qt.Key
) -> None:
    garden.bus.publish(JobChanged(job=_job()))
    qtbot.waitUntil(lambda: "1 under way" in _rail_button(window, "activity").accessibleName())
    folded = _folded(window)
    window.close()
    focus = QApplication.focusWidget()

    QTest.keyClick(focus or window, key, CTRL)

    assert (window.current_page, _folded(window)) == ("library", folded)
    assert QApplication.focusWidget() is focus
    assert len(_asked(window)) == 1
    assert window.findChild(QLineEdit, "commandPalette.field") is None
    QTest.keyClick(focus or window, Qt.Key.Key_Escape)
    QTest.keyClick(window, Qt.Key.Key_5, CTRL)
    assert window.current_page == "machine"


def test_a_popover_goes_away_for_a_key_of_the_window(qtbot: QtBot, window: MainWindow, theme: ThemeController) -> None:
    popover = Popover(theme, _rail_button(window, "library"), name="beside")
    popover.open()

    QTest.keyClick(window, Qt.Key.Key_5, CTRL)

    assert window.current_page == "machine"
    assert not popover.is_open


def test_closing_without_work_asks_nothing(window: MainWindow) -> None:
    window.close()

    assert not window.isVisible()


# --- the start ---


def test_a_first_start_shows_welcome_and_the_second_one_discover(
    qtbot: QtBot, qapp: QApplication, data_dirs: Path
) -> None:
    with Garden.open(work_offline=True) as garden:
        first, _theme = make_window(qapp, garden)
        qtbot.addWidget(first)
        first.begin()
        assert first.current_page == "welcome"
        qtbot.waitUntil((data_dirs / "data" / "settings.json").is_file)
        first.dismiss()

    with Garden.open(work_offline=True) as garden:
        second, _theme = make_window(qapp, garden)
        qtbot.addWidget(second)
        assert second.current_page == "discover"
        second.dismiss()


def test_the_window_comes_back_as_it_was_left(
    qtbot: QtBot, garden: Garden, theme: ThemeController, window: MainWindow
) -> None:
    window.resize(1_280, 701)
    QTest.keyClick(window, Qt.Key.Key_B, CTRL)
    window.dismiss()

    again = MainWindow(garden, theme)
    qtbot.addWidget(again)

    # The width is the screen's: the offscreen one is narrow.
    assert again.height() == 701
    rail = again.findChild(Rail, "rail")
    assert rail is not None
    assert rail.collapsed
    again.dismiss()


def test_a_database_that_cannot_be_opened_is_said_and_the_window_stays(
    qtbot: QtBot, data_dirs: Path, theme: ThemeController
) -> None:
    # A folder in the way: neither readable as a database nor replaceable by one.
    (data_dirs / "data" / "work.sqlite").mkdir(parents=True)
    garden = Garden(work_offline=True)
    window = MainWindow(garden, theme)
    qtbot.addWidget(window)
    window.show_page("settings")
    window.show()

    qtbot.waitUntil(lambda: window.findChild(QLabel, "databaseProblem.view.title") is not None, timeout=20_000)

    assert window.isVisible()
    window.dismiss()
    garden.close()


def test_a_picture_of_every_page_in_two_sizes_and_schemes(tmp_path: Path, qapp: QApplication, data_dirs: Path) -> None:
    paths = render_pages(str(tmp_path / "pictures"))

    assert len(paths) == len(PAGES) * 4
    assert all(Path(path).stat().st_size > 5_000 for path in paths)
    assert (tmp_path / "pictures" / "discover-dark-1440x900.png").is_file()
    # Drawing is no start: the first one still shows Welcome, and the window's place stays as it was left.
    assert not (data_dirs / "data" / "settings.json").exists()
    assert not (data_dirs / "data" / "window.json").exists()


# --- names ---

_INTERACTIVE = (QAbstractButton, QLineEdit, QPlainTextEdit, QAbstractSlider, QAbstractItemView)


def test_everything_that_can_be_operated_has_a_name_and_an_identifier(window: MainWindow) -> None:
    nameless = []
    for page in PAGES:
        window.show_page(page.name)
        for widget in _operable(window.page(page.name)):
            if not widget.objectName() or not (widget.accessibleName() or getattr(widget, "text", str)()):
                nameless.append(f"{page.name}: {type(widget).__name__} {widget.objectName()!r}")

    assert nameless == []


def _operable(page: QWidget) -> list[QWidget]:
    return [
        widget
        for widget in page.findChildren(QWidget)
        if isinstance(widget, _INTERACTIVE)
        and widget.isVisible()
        and not isinstance(widget, QScrollBar)
        and widget.focusPolicy() != Qt.FocusPolicy.NoFocus
        # What Qt builds into its own views.
        and not widget.objectName().startswith("qt_")
    ]


def test_no_label_reads_its_text_as_html(window: MainWindow) -> None:
    rich = []
    for page in PAGES:
        window.show_page(page.name)
        rich += [
            f"{page.name}: {label.text()!r}"
            for label in window.findChildren(QLabel)
            if label.textFormat() is not Qt.TextFormat.PlainText and label.text()
        ]

    assert rich == []
