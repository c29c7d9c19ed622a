"""A download that was killed is said at the start, and goes on when the user says so, not before."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel
from pytestqt.qtbot import QtBot

from garden.core.job_record import JobKind, JobRecord, JobState
from garden.gui.main_window import MainWindow
from garden.gui.theme.theme import ThemeController
from garden.jobs.job import PAUSED_AT_CLOSE, PAUSED_OFFLINE
from garden.process.process_identity import ProcessIdentity
from garden.services.garden import Garden
from garden.store.jobs_log import StoredJobsLog
from garden.store.work_database import WorkDatabase

#: No process has this number and began at that time.
_GONE = ProcessIdentity(pid=2**22 - 1, started_at=1.0)


def _leave(*records: JobRecord) -> None:
    database = WorkDatabase(Path(os.environ["GARDEN_DATA_DIR"]) / "work.sqlite")
    log = StoredJobsLog(database, _GONE)
    for record in records:
        log.save(record)
    database.close()


def _download(name: str, state: JobState = JobState.RUNNING, note: str = "") -> JobRecord:
    target = {"repo_id": f"owner/{name}", "revision": "0" * 40, "filenames": [f"{name}.gguf"]}
    return JobRecord(
        id=name, kind=JobKind.DOWNLOAD, title=name, state=state, note=note, resumable=True, target=json.dumps(target)
    )


def _states(garden: Garden) -> set[JobState]:
    return {job.state for job in garden.activity.jobs()}


def _notes(garden: Garden) -> set[str]:
    return {job.note for job in garden.activity.jobs()}


@pytest.mark.parametrize(
    ("names", "sentence"),
    [(("One",), "The download of One was interrupted."), (("One", "Two"), "2 downloads were interrupted.")],
)
def test_it_is_said_and_goes_on_when_asked(
    qtbot: QtBot, theme: ThemeController, data_dirs: Path, names: tuple[str, ...], sentence: str
) -> None:
    _leave(*(_download(name) for name in names))
    with Garden.open(work_offline=True) as garden:
        window = MainWindow(garden, theme)
        qtbot.addWidget(window)
        window.show_page("library")
        window.begin()
        said = _said(qtbot, window)
        assert said == sentence
        assert _states(garden) == {JobState.PAUSED}

        button = window.findChild(QAbstractButton, "notice.offer")
        assert button is not None
        assert (button.text(), button.accessibleName()) == ("Resume", "Resume")
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

        assert not button.isVisible()
        # Begun again: offline, so that it waits for the switch.
        qtbot.waitUntil(lambda: _notes(garden) == {PAUSED_OFFLINE})
        window.dismiss()


def test_an_ordinary_notice_offers_nothing(qtbot: QtBot, theme: ThemeController, data_dirs: Path) -> None:
    _leave(_download("One"))
    with Garden.open(work_offline=True) as garden:
        window = MainWindow(garden, theme)
        qtbot.addWidget(window)
        window.show_page("library")
        window.begin()
        _said(qtbot, window)

        window.notify("Something else.", "Do this.")

        button = window.findChild(QAbstractButton, "notice.offer")
        assert button is not None
        assert not button.isVisible()
        window.dismiss()


def test_what_closing_had_paused_goes_on_without_a_word(qtbot: QtBot, theme: ThemeController, data_dirs: Path) -> None:
    _leave(_download("One", JobState.PAUSED, PAUSED_AT_CLOSE))
    with Garden.open(work_offline=True) as garden:
        window = MainWindow(garden, theme)
        qtbot.addWidget(window)
        window.show_page("library")
        window.begin()

        qtbot.waitUntil(lambda: _notes(garden) == {PAUSED_OFFLINE})
        assert garden.activity.interrupted() == ()
        window.dismiss()


def _said(qtbot: QtBot, window: MainWindow) -> str:
    def visible() -> QLabel | None:
        label = window.findChild(QLabel, "notice.sentence")
        return label if label is not None and label.isVisible() else None

    qtbot.waitUntil(lambda: visible() is not None)
    label = visible()
    assert label is not None
    return label.text()
