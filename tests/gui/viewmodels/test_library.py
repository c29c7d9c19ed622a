from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from garden.core.errors import GardenError
from garden.core.library_entry import LibraryEntry
from garden.gui.viewmodels.library import LibraryViewModel
from tests.gui.open_garden import OpenGarden, open_garden


@pytest.fixture
def opened() -> Iterator[OpenGarden]:
    with open_garden() as opened:
        yield opened


@pytest.fixture
def library(qtbot: QtBot, opened: OpenGarden, tiny_model: Path, tmp_path: Path) -> LibraryViewModel:
    """With one model."""
    opened.garden.library.add_file(Path(shutil.copyfile(tiny_model, tmp_path / "Alpha-F16.gguf")))
    library = LibraryViewModel(opened.garden, opened.pump)
    library.load()
    qtbot.waitUntil(lambda: _names(library) == ["Alpha"], timeout=20_000)
    _rest(qtbot, opened)
    return library


def _names(library: LibraryViewModel) -> list[str]:
    return sorted(row.entry.ref.name for row in library.table.rows)


def _rest(qtbot: QtBot, opened: OpenGarden) -> None:
    qtbot.waitUntil(lambda: opened.pump.waiting == 0 and opened.pump.idle, timeout=20_000)


class _Reading:
    """Holds up the first read of the list once it has read; it may fail then."""

    def __init__(self, opened: OpenGarden, monkeypatch: pytest.MonkeyPatch, error: GardenError | None = None) -> None:
        self._read = opened.garden.library.entries
        self._error = error
        self.have_read, self.go_on = threading.Event(), threading.Event()
        monkeypatch.setattr(opened.garden.library, "entries", self)

    def __call__(self) -> tuple[LibraryEntry, ...]:
        found = self._read()
        if not self.have_read.is_set():
            self.have_read.set()
            assert self.go_on.wait(10)
            if self._error is not None:
                raise self._error
        return found


def test_another_failure_takes_nothing_from_a_read_that_is_under_way(
    qtbot: QtBot,
    opened: OpenGarden,
    library: LibraryViewModel,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading = _Reading(opened, monkeypatch)
    library._reload()
    assert reading.have_read.wait(10)
    (alpha,) = [row.entry for row in library.table.rows]
    shutil.copyfile(tiny_model, tmp_path / "Beta-F16.gguf")
    _fail(qtbot, library, alpha)

    opened.garden.library.add_file(tmp_path / "Beta-F16.gguf")
    qtbot.wait(300)
    reading.go_on.set()
    qtbot.waitUntil(lambda: _names(library) == ["Alpha", "Beta"], timeout=10_000)
    _rest(qtbot, opened)

    assert _names(library) == ["Alpha", "Beta"]


def _fail(qtbot: QtBot, library: LibraryViewModel, entry: LibraryEntry) -> None:
    """Ask for what nothing is known to have replaced."""
    told: list[str] = []
    library.said.connect(lambda sentence, _action: told.append(sentence))
    library.fetch_newer(entry)
    qtbot.waitUntil(lambda: any("No newer version" in sentence for sentence in told))


def test_what_changed_during_a_read_that_failed_is_read(
    qtbot: QtBot,
    opened: OpenGarden,
    library: LibraryViewModel,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading = _Reading(opened, monkeypatch, GardenError("The disk does not answer."))
    library._reload()
    assert reading.have_read.wait(10)
    opened.garden.library.add_file(Path(shutil.copyfile(tiny_model, tmp_path / "Beta-F16.gguf")))
    qtbot.waitUntil(lambda: library._reload_wanted)

    reading.go_on.set()

    qtbot.waitUntil(lambda: _names(library) == ["Alpha", "Beta"], timeout=10_000)
