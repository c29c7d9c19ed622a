"""The Qt thread asks no database and waits for nobody who does: pages and actions are driven while both are watched."""

from __future__ import annotations

import sqlite3
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLineEdit
from pytestqt.qtbot import QtBot

from garden.core.job_record import JobKind, JobState
from garden.core.library_entry import LibraryEntry
from garden.gui.main_window import MainWindow
from garden.gui.page_list import PAGES
from garden.gui.pages.activity_page import ActivityPage
from garden.gui.pages.compare_page import ComparePage
from garden.gui.pages.discover_page import DiscoverPage
from garden.gui.pages.library_page import LibraryPage
from garden.gui.pages.settings_page import SettingsPage
from garden.gui.pages.workshop_page import WorkshopPage
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.compare import CompareViewModel
from garden.gui.viewmodels.job_actions import JobAction
from garden.jobs.job_context import JobContext
from garden.services.garden import Garden
from tests.hubserver import GgufFacts, HubServer, repository_of
from tests.services.conftest import endless_model

pytestmark = pytest.mark.engine

__all__ = ["endless_model"]

T = TypeVar("T")

REPOSITORY = "owner/Tiny-Endless-GGUF"

#: Services whose making opens a database, or waits for one that is opened.
WITH_DATABASE = (
    "activity", "fit", "library", "workshop", "compare", "exports",
    "_work", "_index", "_summaries", "_speeds", "_receipts", "_uses", "_loaded", "_held",
)  # fmt: skip


class QtThread:
    """What was done on this thread that may wait for a disk."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self.watching = True
        self.waits: list[str] = []

    def note(self, what: str) -> None:
        if self.watching and threading.get_ident() == self._thread:
            self.waits.append(f"{what}\n{''.join(traceback.format_stack(limit=14)[:-2])}")

    def connection(self) -> type[sqlite3.Connection]:
        note = self.note

        class Watched(sqlite3.Connection):
            def execute(self, *args: Any) -> sqlite3.Cursor:
                note(f"execute {args[0]}")
                return super().execute(*args)

            def executemany(self, *args: Any) -> sqlite3.Cursor:
                note(f"executemany {args[0]}")
                return super().executemany(*args)

        return Watched

    def lock(self, name: str, inner: Any) -> Any:
        note = self.note

        class Lock:
            def __enter__(self) -> None:
                note(f"lock {name}")
                inner.acquire()

            def __exit__(self, *_error: object) -> None:
                inner.release()

        return Lock()


@pytest.fixture
def qt_thread(qapp: object, monkeypatch: pytest.MonkeyPatch) -> QtThread:
    """This thread, watched."""
    watched, connect = QtThread(), sqlite3.connect

    def connected(*args: Any, **options: Any) -> sqlite3.Connection:
        watched.note("connect")
        return connect(*args, factory=watched.connection(), **options)

    monkeypatch.setattr(sqlite3, "connect", connected)
    return watched


@pytest.fixture
def hub(endless_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    facts = GgufFacts(total=2_000_000, architecture="llama", context_length=2_048)
    with HubServer([repository_of(REPOSITORY, endless_model, card="# Tiny", gguf=facts)]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


@pytest.fixture
def garden(hub: HubServer, qt_thread: QtThread) -> Iterator[Garden]:
    """As the window opens it: the databases come behind the first paint."""
    garden = Garden()
    for name in WITH_DATABASE:
        garden.making[name] = qt_thread.lock(name, garden.making[name])
    yield garden
    qt_thread.watching = False
    garden.close()


@pytest.fixture
def window(qtbot: QtBot, garden: Garden, qt_thread: QtThread, theme: ThemeController) -> Iterator[MainWindow]:
    """The window as a user has it; at the end, nothing may have waited on its thread."""
    # Not left to qtbot, which would delete it before what it has begun came back.
    window = MainWindow(garden, theme)
    window.resize(1_440, 900)
    window.show_page("discover")
    window.begin()
    qtbot.waitExposed(window)
    yield window
    settle(qtbot, window)
    window.dismiss()
    window.deleteLater()
    assert not qt_thread.waits, "\n\n".join(qt_thread.waits[:5])


def settle(qtbot: QtBot, window: MainWindow) -> None:
    """Let everything that was begun come back."""
    qtbot.waitUntil(lambda: window.pump.idle and not window.pump.waiting, timeout=30_000)


def elsewhere(work: Callable[[], T]) -> T:
    """Do what a test asks of the services on another thread."""
    results: list[T] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    thread.join(60)
    return results[0]


def press(window: MainWindow, name: str) -> None:
    button = window.findChild(QAbstractButton, name)
    assert button is not None, name
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def known(garden: Garden, path: Path) -> LibraryEntry:
    return elsewhere(lambda: garden.library.add_file(path))


def repository_read(qtbot: QtBot, window: MainWindow) -> DiscoverPage:
    """Discover with the repository open and its header read."""
    window.open_repository(REPOSITORY)
    page = window.page("discover")
    assert isinstance(page, DiscoverPage)
    qtbot.waitUntil(lambda: bool(page.repository.files.rows), timeout=20_000)
    qtbot.waitUntil(lambda: page.repository.selected is not None, timeout=20_000)
    return page


def chat(qtbot: QtBot, garden: Garden, window: MainWindow, path: Path) -> CompareViewModel:
    """Compare with one pane."""
    window.compare([known(garden, path)])
    page = window.page("compare")
    assert isinstance(page, ComparePage)
    qtbot.waitUntil(lambda: page.compare.letters == ("A",), timeout=20_000)
    return page.compare


def answered(qtbot: QtBot, compare: CompareViewModel) -> None:
    qtbot.waitUntil(lambda: not compare.answering and not compare.pane("A").busy, timeout=30_000)


def download(qtbot: QtBot, window: MainWindow) -> None:
    page = repository_read(qtbot, window)
    press(window, "fileDetail.download")
    assert page.repository.files.rows[0].downloading
    qtbot.waitUntil(lambda: page.repository.files.rows[0].entry is not None, timeout=60_000)


# --- no database on this thread ---


def test_every_page_opens(qtbot: QtBot, window: MainWindow) -> None:
    for page in PAGES:
        window.show_page(page.name)
        settle(qtbot, window)


def test_a_page_that_is_opened_before_the_databases_are(
    qtbot: QtBot, garden: Garden, theme: ThemeController, qt_thread: QtThread
) -> None:
    """Nothing was painted yet, so nothing has opened them: each page begins what opens them elsewhere."""
    window = MainWindow(garden, theme)
    qtbot.addWidget(window)
    for page in PAGES:
        window.show_page(page.name)
    window.show()
    settle(qtbot, window)
    window.dismiss()
    assert not qt_thread.waits, "\n\n".join(qt_thread.waits[:5])


def test_a_download_and_what_follows_in_the_library(qtbot: QtBot, window: MainWindow) -> None:
    download(qtbot, window)
    window.show_page("library")
    page = window.page("library")
    assert isinstance(page, LibraryPage)
    qtbot.waitUntil(lambda: page.library.table.rowCount() == 1, timeout=20_000)
    entry = page.library.table.rows[0].entry
    page.library.verify(entry)
    qtbot.waitUntil(lambda: page.library.table.rows[0].verifying is None, timeout=30_000)
    page.library.remove(entry)
    qtbot.waitUntil(lambda: page.library.table.rowCount() == 0, timeout=20_000)


def test_a_quantization_from_its_choice_to_its_end(
    qtbot: QtBot, garden: Garden, window: MainWindow, endless_model: Path
) -> None:
    window.quantize(known(garden, endless_model))
    page = window.page("workshop")
    assert isinstance(page, WorkshopPage)
    workshop = page.workshop
    qtbot.waitUntil(lambda: not workshop.busy and workshop.source is not None, timeout=60_000)
    workshop.table.choose(["Q4_0", "Q8_0"])
    workshop.set_measure_after(False)

    workshop.quantize()

    made = [row for row in workshop.table.rows if row.job is not None]
    assert sorted(row.quant_type for row in made) == ["Q4_0", "Q8_0"]
    qtbot.waitUntil(lambda: bool(workshop.queue), timeout=20_000)
    workshop.cancel(workshop.queue[-1].id)
    qtbot.waitUntil(lambda: not workshop.queue and not workshop.waiting_losses, timeout=90_000)
    qtbot.waitUntil(lambda: all(row.job is None for row in workshop.table.rows), timeout=20_000)


def test_a_conversation_from_its_first_question_to_its_end(
    qtbot: QtBot, garden: Garden, window: MainWindow, endless_model: Path
) -> None:
    compare = chat(qtbot, garden, window, endless_model)
    compare.adjust("A", "max_tokens", 16)
    compare.ask("Hello")
    assert compare.answering
    qtbot.waitUntil(lambda: compare.turn_number == 0, timeout=20_000)
    answered(qtbot, compare)
    compare.adjust("A", "max_tokens", 1_900)
    compare.ask("Go on and on")
    compare.stop()
    qtbot.waitUntil(lambda: compare.turn_number == 1, timeout=20_000)
    answered(qtbot, compare)
    assert compare.conversation is not None
    kept = compare.conversation.id
    compare.start_again("A")
    answered(qtbot, compare)
    compare.copy_pane("A")
    qtbot.waitUntil(lambda: compare.letters == ("A", "B"), timeout=20_000)
    compare.remove_pane("B")
    compare.begin_anew()
    qtbot.waitUntil(lambda: compare.turn_number == -1, timeout=20_000)
    window.open_conversation(kept)
    qtbot.waitUntil(lambda: compare.turn_number == 1, timeout=20_000)
    compare.rename(kept, "Greetings")
    compare.delete(kept)
    qtbot.waitUntil(lambda: compare.conversation is None, timeout=20_000)


def test_a_job_is_paused_resumed_and_cancelled(qtbot: QtBot, garden: Garden, window: MainWindow) -> None:
    def work(context: JobContext) -> None:
        context.cancelled.wait(60)

    job_id = elsewhere(
        lambda: garden.activity.submit(JobKind.DOWNLOAD, "Tiny", "F16", work, resumable=True, total=100).id
    )
    window.show_page("activity")
    page = window.page("activity")
    assert isinstance(page, ActivityPage)
    activity = page.activity

    def state() -> JobState | None:
        rows = [row for _section, rows in activity.sections() for row in rows]
        return next((row.job.state for row in rows if row.job.id == job_id), None)

    qtbot.waitUntil(lambda: state() is JobState.RUNNING)
    activity.act(job_id, JobAction.CANCEL)
    qtbot.waitUntil(lambda: state() not in (None, JobState.RUNNING))
    activity.act(job_id, JobAction.REMOVE)
    qtbot.waitUntil(lambda: state() is None)
    activity.pause_all()
    activity.clear()


def test_palette_export_and_settings(qtbot: QtBot, garden: Garden, window: MainWindow, endless_model: Path) -> None:
    entry = known(garden, endless_model)
    window.open_palette()
    field = window.findChild(QLineEdit, "commandPalette.field")
    assert field is not None
    QTest.keyClicks(field, "tiny")
    settle(qtbot, window)
    QTest.keyClick(field, Qt.Key.Key_Escape)
    window.export(entry)
    settle(qtbot, window)
    window.show_page("settings")
    page = window.page("settings")
    assert isinstance(page, SettingsPage)
    page.settings.change(parallel_downloads=3)
    settle(qtbot, window)


# --- no lock that is held over the disk ---


class Writer:
    """Another thread that holds the user's database while clicks are timed."""

    def __init__(self, garden: Garden) -> None:
        self._garden = garden
        self._release = threading.Event()
        self._held = threading.Event()
        self._thread = threading.Thread(target=self._hold)

    def __enter__(self) -> Writer:
        self._thread.start()
        assert self._held.wait(30)
        return self

    def __exit__(self, *_error: object) -> None:
        self._release.set()
        self._thread.join(30)

    def _hold(self) -> None:
        with self._garden._work.write():
            self._held.set()
            # Whoever waits for it goes on after this, and was too slow.
            self._release.wait(3)


def seconds(act: Callable[[], object]) -> float:
    """How long the Qt thread was held up."""
    began = time.monotonic()
    act()
    return time.monotonic() - began


def test_clicks_return_while_the_database_is_being_written(
    qtbot: QtBot, garden: Garden, window: MainWindow, endless_model: Path
) -> None:
    compare = chat(qtbot, garden, window, endless_model)
    compare.adjust("A", "max_tokens", 8)
    compare.ask("Hello")
    qtbot.waitUntil(lambda: compare.turn_number == 0, timeout=20_000)
    answered(qtbot, compare)
    workshop = window.page("workshop")
    assert isinstance(workshop, WorkshopPage)
    window.quantize(known(garden, endless_model))
    qtbot.waitUntil(lambda: not workshop.workshop.busy and bool(workshop.workshop.table.chosen), timeout=60_000)
    page = repository_read(qtbot, window)
    settle(qtbot, window)

    with Writer(garden):
        took = {
            "download": seconds(lambda: page.repository.download(page.repository.files.rows[0].file.filename)),
            "quantize": seconds(workshop.workshop.quantize),
            "ask": seconds(lambda: compare.ask("And now?")),
            "show": seconds(lambda: window.show_page("activity")),
            "come back": seconds(lambda: window.show_page("compare")),
            "events": seconds(lambda: qtbot.wait(200)) - 0.2,
            "stop": seconds(compare.stop),
            "look": seconds(lambda: compare.pane("A")),
            "cancel": seconds(lambda: page.repository.cancel_download(page.repository.files.rows[0].file.filename)),
            "more events": seconds(lambda: qtbot.wait(200)) - 0.2,
        }

    assert {name: value for name, value in took.items() if value > 0.8} == {}
    qtbot.waitUntil(lambda: compare.turn_number == 1, timeout=20_000)
    answered(qtbot, compare)
    qtbot.waitUntil(lambda: not workshop.workshop.queue, timeout=90_000)
