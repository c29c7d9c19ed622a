from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QTableView, QWidget
from pytestqt.qtbot import QtBot

from garden.core.library_entry import LibraryEntry
from garden.core.paths import hub_cache_dir
from garden.core.run_configuration import LoadParameters
from garden.gui.bridge.event_pump import EventPump
from garden.gui.pages.library_list import LibraryList
from garden.gui.pages.library_page import LibraryPage
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.library_table import LibraryColumn, LibraryRole, LibraryRow
from garden.gui.widgets.state_view import StateView
from garden.jobs.handle import Handle
from garden.services.garden import Garden
from garden.services.target import HubTarget
from garden.store.speeds import SpeedRecord
from tests.gui.open_garden import OpenGarden, Window, open_garden
from tests.hubserver import HubServer, repository_of
from tests.services.other_programs.store_files import in_ollama


class LibraryWindow(Window):
    """Notes which models were to be opened where."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[tuple[str, str]] = []

    def compare(self, entries: object, loads: object = None) -> None:
        assert isinstance(entries, tuple)
        self.opened += [("compare", entry.ref.name) for entry in entries]

    def quantize(self, entry: object) -> None:
        assert isinstance(entry, LibraryEntry)
        self.opened.append(("quantize", entry.ref.name))

    def export(self, entry: object) -> None:
        assert isinstance(entry, LibraryEntry)
        self.opened.append(("export", entry.ref.name))


@pytest.fixture
def opened() -> Iterator[OpenGarden]:
    with open_garden() as opened:
        yield opened


@pytest.fixture
def models(tmp_path: Path, tiny_model: Path) -> Path:
    """A folder with a model, another of the same bytes, and two files that only look like models."""
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copyfile(tiny_model, folder / "Alpha-F16.gguf")
    shutil.copyfile(tiny_model, folder / "Beta-F16.gguf")
    (folder / "letter.gguf").write_text("Dear reader, this is a letter and no model.")
    (folder / "cut-F16.gguf").write_bytes(tiny_model.read_bytes()[:200_000])
    return folder


@pytest.fixture
def window() -> LibraryWindow:
    return LibraryWindow()


def _page(qtbot: QtBot, opened: OpenGarden, window: Window, theme: ThemeController) -> LibraryPage:
    page = LibraryPage(opened.garden, opened.pump, window, theme)
    qtbot.addWidget(page)
    page.resize(1_264, 900)
    page.show()
    return page


@pytest.fixture
def page(qtbot: QtBot, opened: OpenGarden, models: Path, window: LibraryWindow, theme: ThemeController) -> LibraryPage:
    opened.garden.library.add_folder(models).result(30)
    page = _page(qtbot, opened, window, theme)
    qtbot.waitUntil(lambda: len(_names(page)) == 4, timeout=20_000)
    return page


def _names(page: LibraryPage) -> list[str]:
    shown = page.library.shown
    return [shown.index(row, LibraryColumn.NAME).data() for row in range(shown.rowCount())]


def _choose(qtbot: QtBot, page: LibraryPage, name: str) -> None:
    table = page.findChild(QTableView, "library")
    assert table is not None
    row = _names(page).index(name)
    table.selectRow(row)
    qtbot.waitUntil(lambda: page.chosen is not None and page.chosen.entry.ref.name == name)


def _row(page: LibraryPage, name: str) -> LibraryRow:
    return next(row for row in page.library.table.rows if row.entry.ref.name == name)


def _chosen(page: LibraryPage) -> list[str]:
    table = page.findChild(LibraryList, "library")
    assert table is not None
    return [row.entry.ref.name for row in table.chosen]


def _press_row(page: LibraryPage, name: str, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    table = page.findChild(LibraryList, "library")
    assert table is not None
    place = table.visualRect(page.library.shown.index(_names(page).index(name), 0)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, modifier, place)


def _click(qtbot: QtBot, parent: QWidget, name: str) -> None:
    button = parent.findChild(QAbstractButton, name)
    assert button is not None
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def _ask_to_remove(qtbot: QtBot, page: LibraryPage) -> None:
    """Press the button; the question comes once it was counted what that frees."""
    _click(qtbot, page, "libraryDetail.remove")
    qtbot.waitUntil(lambda: page.findChild(QLabel, "removeQuestion.view.title") is not None, timeout=10_000)
    qtbot.wait(50)


def test_every_file_is_listed_and_the_damaged_ones_say_what_is_wrong(page: LibraryPage) -> None:
    assert sorted(_names(page)) == ["Alpha", "Beta", "cut", "letter"]
    problems = {row.entry.ref.name: row.note for row in page.library.table.rows if row.entry.problem}
    assert problems["letter"].startswith("This is not a GGUF file.")
    assert problems["cut"].startswith("This is not a complete GGUF file")


def test_a_whole_model_gets_its_verdict(qtbot: QtBot, page: LibraryPage) -> None:
    def fits() -> dict[str, str]:
        shown = page.library.shown
        rows = range(shown.rowCount())
        return {str(shown.index(row, 0).data()): str(shown.index(row, LibraryColumn.FIT).data()) for row in rows}

    qtbot.waitUntil(lambda: fits()["Alpha"].startswith("Runs on"), timeout=20_000)
    assert fits()["letter"] == "Damaged"


def test_words_filter_the_list(qtbot: QtBot, page: LibraryPage) -> None:
    field = page.findChild(QLineEdit, "library.filter")
    assert field is not None

    QTest.keyClicks(field, "beta")

    assert _names(page) == ["Beta"]


def test_a_filter_that_matches_nothing_offers_to_show_all(qtbot: QtBot, page: LibraryPage) -> None:
    field = page.findChild(QLineEdit, "library.filter")
    state = page.findChild(StateView, "library.state")
    assert field is not None
    assert state is not None
    QTest.keyClicks(field, "zeta")
    assert state.title == "No model matches"

    _click(qtbot, page, "library.state.action1")

    assert len(_names(page)) == 4
    assert field.text() == ""


def test_compare_export_and_quantize_take_the_chosen_model(
    qtbot: QtBot, page: LibraryPage, window: LibraryWindow
) -> None:
    _choose(qtbot, page, "Beta")

    for button in ("compare", "export", "quantize"):
        _click(qtbot, page, f"libraryDetail.{button}")

    assert window.opened == [("compare", "Beta"), ("export", "Beta"), ("quantize", "Beta")]


def test_a_damaged_model_can_only_be_removed(qtbot: QtBot, page: LibraryPage) -> None:
    _choose(qtbot, page, "letter")

    for name in ("compare", "export", "quantize"):
        button = page.findChild(QAbstractButton, f"libraryDetail.{name}")
        assert button is not None
        assert not button.isEnabled()
        assert button.toolTip().startswith("This is not a GGUF file.")
    remove = page.findChild(QAbstractButton, "libraryDetail.remove")
    assert remove is not None
    assert remove.isEnabled()


def test_removing_asks_first_and_no_keeps_it(qtbot: QtBot, page: LibraryPage, models: Path) -> None:
    _choose(qtbot, page, "Beta")
    _ask_to_remove(qtbot, page)
    title = page.findChild(QLabel, "removeQuestion.view.title")
    assert title is not None
    assert title.text() == "Remove Beta F16?"

    _click(qtbot, page, "removeQuestion.view.action2")

    assert (models / "Beta-F16.gguf").exists()
    assert len(_names(page)) == 4


def test_removing_frees_what_it_says(
    qtbot: QtBot, page: LibraryPage, models: Path, window: LibraryWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Into a trash of this test, not the user's.
    monkeypatch.setenv("XDG_DATA_HOME", str(models.parent / "share"))
    monkeypatch.setattr("send2trash.send2trash", lambda path: Path(path).unlink())
    _choose(qtbot, page, "Beta")
    size = page.chosen.entry.ref.size_bytes if page.chosen else 0

    _ask_to_remove(qtbot, page)
    _click(qtbot, page, "removeQuestion.view.action1")

    qtbot.waitUntil(lambda: sorted(_names(page)) == ["Alpha", "cut", "letter"], timeout=20_000)
    assert not (models / "Beta-F16.gguf").exists()
    assert size > 0
    qtbot.waitUntil(lambda: any(said.startswith("Beta was removed;") for said in window.said))


def test_verifying_notes_the_hash_of_a_file_that_nobody_promised(
    qtbot: QtBot, page: LibraryPage, window: LibraryWindow
) -> None:
    _choose(qtbot, page, "Alpha")

    _click(qtbot, page, "libraryDetail.verify")

    qtbot.waitUntil(lambda: bool(window.said), timeout=20_000)
    assert window.said == ["Nobody promised a hash for Alpha; the one it has is noted."]


def test_verifying_tells_how_far_it_is_and_can_be_stopped(
    qtbot: QtBot, page: LibraryPage, window: LibraryWindow, models: Path
) -> None:
    path = models / "Alpha-F16.gguf"
    with path.open("r+b") as file:
        # Larger than any disk reads within a moment, without taking room on it.
        file.truncate(40 * 2**30)
    page.library.load()
    qtbot.waitUntil(lambda: _row(page, "Alpha").entry.ref.size_bytes == 40 * 2**30, timeout=20_000)
    _choose(qtbot, page, "Alpha")

    _click(qtbot, page, "libraryDetail.verify")
    qtbot.waitUntil(lambda: (_row(page, "Alpha").verifying or 0) > 0.002, timeout=30_000)
    button = page.findChild(QAbstractButton, "libraryDetail.verify")
    assert button is not None
    qtbot.waitUntil(lambda: button.text().startswith("Stop, "), timeout=5_000)
    assert _row(page, "Alpha").checked.endswith(" % read")

    started = time.monotonic()
    _click(qtbot, page, "libraryDetail.verify")
    qtbot.waitUntil(lambda: _row(page, "Alpha").verifying is None, timeout=20_000)

    assert time.monotonic() - started < 2
    assert button.text() == "Verify"
    assert _row(page, "Alpha").entry.verified is None
    assert window.said == []


def test_the_memory_meter_is_told_what_the_chosen_model_would_take(
    qtbot: QtBot, page: LibraryPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned: list[tuple[int, int]] = []
    qtbot.waitUntil(lambda: any(row.forecast for row in page.library.table.rows), timeout=20_000)
    monkeypatch.setattr(page, "_navigator", type("Navigator", (), {"plan_memory": lambda _s, *b: planned.append(b)})())

    _choose(qtbot, page, "letter")
    _choose(qtbot, page, "Alpha")

    assert planned[-1][0] > 0


def test_an_empty_library_leads_on(
    qtbot: QtBot, opened: OpenGarden, window: LibraryWindow, theme: ThemeController
) -> None:
    page = _page(qtbot, opened, window, theme)
    state = page.findChild(StateView, "library.state")
    assert state is not None
    qtbot.waitUntil(state.isVisible, timeout=20_000)

    _click(qtbot, page, "library.state.action1")

    assert window.pages == ["discover"]


def test_a_dropped_file_is_added_and_chosen(
    qtbot: QtBot, opened: OpenGarden, window: LibraryWindow, theme: ThemeController, models: Path
) -> None:
    page = _page(qtbot, opened, window, theme)

    page.add_paths([models / "Alpha-F16.gguf"])

    qtbot.waitUntil(lambda: page.chosen is not None and page.chosen.entry.ref.name == "Alpha", timeout=30_000)
    qtbot.waitUntil(lambda: "Alpha was added; it is used where it lies." in window.said)


def test_dropped_files_are_chosen_together_and_the_refused_one_is_named(
    qtbot: QtBot, opened: OpenGarden, window: LibraryWindow, theme: ThemeController, models: Path
) -> None:
    page = _page(qtbot, opened, window, theme)
    notes = models / "notes.txt"
    notes.write_text("no model")

    page.add_paths([models / "Alpha-F16.gguf", notes, models / "Beta-F16.gguf"])

    qtbot.waitUntil(lambda: sorted(_chosen(page)) == ["Alpha", "Beta"], timeout=30_000)
    assert window.said == [
        "2 files were added; they are used in place. notes.txt: This is not a GGUF file. "
        "Garden takes files that end in .gguf, and folders."
    ]


def test_files_that_are_gone_are_named(
    qtbot: QtBot, opened: OpenGarden, window: LibraryWindow, theme: ThemeController, tmp_path: Path
) -> None:
    page = _page(qtbot, opened, window, theme)

    page.add_paths([tmp_path / "gone.gguf", tmp_path / "lost.gguf"])

    qtbot.waitUntil(lambda: bool(window.said), timeout=30_000)
    assert window.said[0].startswith("None was added: gone.gguf, lost.gguf. There is no file")


def test_several_models_are_chosen_with_the_mouse_and_compared(
    qtbot: QtBot, page: LibraryPage, window: LibraryWindow
) -> None:
    _press_row(page, "Alpha")
    _press_row(page, "Beta", Qt.KeyboardModifier.ControlModifier)
    assert sorted(_chosen(page)) == ["Alpha", "Beta"]
    title = page.findChild(QLabel, "libraryChoice.title")
    assert title is not None
    assert title.text() == "2 models"

    _click(qtbot, page, "libraryChoice.compare")

    assert sorted(window.opened) == [("compare", "Alpha"), ("compare", "Beta")]


def test_several_models_are_chosen_with_keys_and_enter_compares_them(
    qtbot: QtBot, page: LibraryPage, window: LibraryWindow
) -> None:
    table = page.findChild(QTableView, "library")
    assert table is not None
    page.library.shown.show_words("f16")
    assert sorted(_names(page)) == ["Alpha", "Beta", "cut"]
    page.library.shown.sort(LibraryColumn.NAME)
    _press_row(page, "Alpha")

    QTest.keyClick(table, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(table, Qt.Key.Key_Return)

    assert window.opened == [("compare", "Alpha"), ("compare", "Beta")]


def test_with_a_damaged_model_among_them_they_are_not_compared_and_it_is_named(
    qtbot: QtBot, page: LibraryPage, window: LibraryWindow
) -> None:
    table = page.findChild(QTableView, "library")
    refusal = page.findChild(QLabel, "libraryChoice.refusal")
    compare = page.findChild(QAbstractButton, "libraryChoice.compare")
    assert table is not None
    assert refusal is not None
    assert compare is not None

    QTest.keyClick(table, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)

    assert len(_chosen(page)) == 4
    assert not compare.isEnabled()
    assert refusal.text().startswith(("letter: This is not a GGUF file.", "cut: This is not a complete GGUF file"))
    QTest.keyClick(table, Qt.Key.Key_Return)
    assert window.opened == []


def test_five_models_are_too_many_to_compare(
    qtbot: QtBot, opened: OpenGarden, window: LibraryWindow, theme: ThemeController, tmp_path: Path, tiny_model: Path
) -> None:
    for name in "ABCDE":
        shutil.copyfile(tiny_model, tmp_path / f"{name}-F16.gguf")
    opened.garden.library.add_folder(tmp_path).result(30)
    page = _page(qtbot, opened, window, theme)
    table = page.findChild(QTableView, "library")
    assert table is not None
    qtbot.waitUntil(lambda: len(_names(page)) == 5, timeout=20_000)

    QTest.keyClick(table, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)

    refusal = page.findChild(QLabel, "libraryChoice.refusal")
    assert refusal is not None
    assert refusal.text() == "Compare takes up to 4 models; leave out 1."


def test_the_last_chosen_model_stays_chosen(page: LibraryPage) -> None:
    _press_row(page, "Beta")

    _press_row(page, "Beta", Qt.KeyboardModifier.ControlModifier)

    assert _chosen(page) == ["Beta"]


def test_the_chosen_models_stay_chosen_when_another_one_comes(
    qtbot: QtBot, page: LibraryPage, models: Path, opened: OpenGarden
) -> None:
    _press_row(page, "Alpha")
    _press_row(page, "Beta", Qt.KeyboardModifier.ControlModifier)
    shutil.copyfile(models / "Alpha-F16.gguf", models / "Aaa-F16.gguf")

    opened.garden.library.scan().result(30)

    qtbot.waitUntil(lambda: "Aaa" in _names(page), timeout=20_000)
    assert sorted(_chosen(page)) == ["Alpha", "Beta"]


def test_a_dropped_text_file_is_refused_in_one_sentence(
    qtbot: QtBot, opened: OpenGarden, window: LibraryWindow, theme: ThemeController, models: Path
) -> None:
    page = _page(qtbot, opened, window, theme)

    page.add_paths([models / "letter.gguf"])

    qtbot.waitUntil(lambda: any("not a GGUF file" in said for said in window.said), timeout=30_000)


def test_the_row_s_value_stays_the_same_object_of_the_row(page: LibraryPage) -> None:
    index = page.library.shown.index(0, LibraryColumn.SPEED)

    assert index.data(LibraryRole.ROW).entry.ref.name == _names(page)[0]


def test_a_model_of_another_program_is_shown_with_it_and_cannot_be_removed(
    qtbot: QtBot, opened: OpenGarden, window: LibraryWindow, theme: ThemeController, tiny_model: Path
) -> None:
    in_ollama(tiny_model)
    page = _page(qtbot, opened, window, theme)
    qtbot.waitUntil(lambda: _names(page) == ["tiny:latest"], timeout=20_000)
    row = page.library.table.rows[0]
    shown = page.library.shown

    assert shown.index(0, LibraryColumn.SOURCE).data() == "Ollama"
    assert row.note == "library"
    page.library.shown.show_segment("folder")
    assert _names(page) == []
    page.library.shown.show_segment("other")
    assert _names(page) == ["tiny:latest"]
    _choose(qtbot, page, "tiny:latest")
    remove = page.findChild(QAbstractButton, "libraryDetail.remove")
    assert remove is not None
    qtbot.waitUntil(lambda: "ollama rm tiny:latest" in remove.toolTip(), timeout=10_000)
    assert remove.text() == "Belongs to Ollama"
    page._on_remove()
    qtbot.waitUntil(lambda: bool(window.said), timeout=10_000)
    assert window.said == ["It belongs to Ollama, and stays. Remove it there: ollama rm tiny:latest"]


def test_the_question_says_what_removing_frees(qtbot: QtBot, page: LibraryPage, models: Path, tmp_path: Path) -> None:
    os.link(models / "Alpha-F16.gguf", tmp_path / "elsewhere.bin")
    _choose(qtbot, page, "Alpha")

    _click(qtbot, page, "libraryDetail.remove")

    qtbot.waitUntil(
        lambda: any("2.54 MiB stay: something else here holds" in label.text() for label in page.findChildren(QLabel)),
        timeout=10_000,
    )


def test_a_dropped_file_that_is_gone_is_forgotten_with_one_button(
    qtbot: QtBot, opened: OpenGarden, window: LibraryWindow, theme: ThemeController, models: Path
) -> None:
    page = _page(qtbot, opened, window, theme)
    page.add_paths([models / "Alpha-F16.gguf"])
    qtbot.waitUntil(lambda: _names(page) == ["Alpha"], timeout=20_000)
    (models / "Alpha-F16.gguf").unlink()
    page.library.load()
    qtbot.waitUntil(lambda: "no longer in" in page.library.table.rows[0].note, timeout=20_000)
    _choose(qtbot, page, "Alpha")
    remove = page.findChild(QAbstractButton, "libraryDetail.remove")
    assert remove is not None
    qtbot.waitUntil(lambda: remove.text() == "Forget", timeout=10_000)

    _click(qtbot, page, "libraryDetail.remove")

    qtbot.waitUntil(lambda: _names(page) == [], timeout=10_000)
    assert opened.garden.settings.current.files == ()


def test_a_copy_names_the_model_whose_bytes_it_has(qtbot: QtBot, page: LibraryPage, opened: OpenGarden) -> None:
    for entry in opened.garden.library.entries():
        if entry.problem is None:
            opened.garden.library.verify(entry).result(30)
    page.library.load()

    def notes() -> dict[str, str]:
        return {row.entry.ref.name: row.note for row in page.library.table.rows}

    qtbot.waitUntil(lambda: "Same bytes as Alpha" in notes()["Beta"], timeout=10_000)
    assert "Same bytes" not in notes()["Alpha"]
    total = page.findChild(QLabel, "library.total")
    assert total is not None
    assert total.text().endswith("2.54 MiB of it twice")


def test_a_replaced_file_offers_the_newer_one_until_it_is_here(
    qtbot: QtBot, window: LibraryWindow, theme: ThemeController, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = repository_of("owner/Tiny-GGUF", tiny_model)
    with HubServer([served]) as hub, Garden.open() as garden:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        pump = EventPump(garden.bus)
        garden.library.download_target(HubTarget("owner/Tiny-GGUF", quant_type="F16")).result(60)
        page = _page(qtbot, OpenGarden(garden, pump), window, theme)
        qtbot.waitUntil(lambda: page.chosen is not None, timeout=20_000)
        fetch = page.findChild(QAbstractButton, "libraryDetail.fetchNewer")
        assert fetch is not None
        assert not fetch.isVisible()
        newer = {tiny_model.name: tiny_model.read_bytes() + bytes(64)}
        hub.state.put([served.committing("2020-11-20T08:00:00Z", **newer)])

        page._on_chosen(page.library.look_upstream)
        qtbot.waitUntil(fetch.isVisible, timeout=10_000)
        assert page.chosen is not None
        assert page.chosen.news == "Newer on the Hub since 20 Nov 2020, 2.54 MiB"
        _click(qtbot, page, "libraryDetail.fetchNewer")

        qtbot.waitUntil(lambda: len(page.library.table.rows) == 2, timeout=30_000)
        qtbot.waitUntil(lambda: not any(row.news for row in page.library.table.rows), timeout=10_000)
        assert all("commit " in row.note for row in page.library.table.rows)
        pump.close()


def test_opening_the_list_asks_about_newer_files_once_a_day(
    qtbot: QtBot, window: LibraryWindow, theme: ThemeController, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = repository_of("owner/Tiny-GGUF", tiny_model)
    with HubServer([served]) as hub, Garden.open() as garden:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        pump = EventPump(garden.bus)
        garden.library.download_target(HubTarget("owner/Tiny-GGUF", quant_type="F16")).result(60)
        hub.state.put([served.committing("2020-11-20T08:00:00Z", **{tiny_model.name: tiny_model.read_bytes() + b"x"})])
        before = len(hub.requests)

        page = _page(qtbot, OpenGarden(garden, pump), window, theme)
        qtbot.waitUntil(lambda: any(row.news for row in page.library.table.rows), timeout=20_000)
        page.hide()
        page.show()
        qtbot.wait(300)

        assert [request.path for request in hub.requests[before:]] == ["/api/models/owner/Tiny-GGUF?blobs=true"]
        pump.close()


def test_what_a_download_left_is_a_row_that_can_be_cleared(
    qtbot: QtBot, opened: OpenGarden, window: LibraryWindow, theme: ThemeController
) -> None:
    blobs = hub_cache_dir() / "models--owner--Other-GGUF" / "blobs"
    blobs.mkdir(parents=True)
    part = blobs / f"{'ab' * 32}.12345678.incomplete"
    part.write_bytes(bytes(2048))
    page = _page(qtbot, opened, window, theme)
    qtbot.waitUntil(lambda: _names(page) == ["Other"], timeout=20_000)
    row = page.library.table.rows[0]
    assert (row.note, row.checked) == ("owner · Incomplete, 2.00 KiB here", "No")
    _choose(qtbot, page, "Other")
    resume = page.findChild(QAbstractButton, "libraryDetail.verify")
    assert resume is not None
    assert resume.text() == "Resume"
    _click(qtbot, page, "libraryDetail.verify")
    qtbot.waitUntil(lambda: bool(window.said), timeout=10_000)
    assert "on the Hub and download it again" in window.said[0]

    _ask_to_remove(qtbot, page)
    assert part.exists()
    _click(qtbot, page, "removeQuestion.view.action1")

    qtbot.waitUntil(lambda: not part.exists(), timeout=10_000)
    qtbot.waitUntil(lambda: _names(page) == [], timeout=10_000)


def test_the_measurement_is_of_what_is_chosen_and_shown_while_it_runs(
    qtbot: QtBot, page: LibraryPage, opened: OpenGarden, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[LoadParameters | None] = []
    handle: Handle[SpeedRecord] = Handle()

    def measure(_entry: object, load: LoadParameters | None = None) -> Handle[SpeedRecord]:
        asked.append(load)
        return handle

    monkeypatch.setattr(opened.garden.twins, "measure", measure)
    _choose(qtbot, page, "Alpha")
    page.library.options.choose_kv_type("q8_0")
    qtbot.waitUntil(lambda: page.chosen is not None and page.chosen.load is not None)
    qtbot.waitUntil(lambda: page.chosen is not None and (page.chosen.load or LoadParameters()).type_k == "q8_0")

    _click(qtbot, page, "libraryDetail.measure")

    qtbot.waitUntil(lambda: bool(asked))
    assert asked[0] is not None
    assert (asked[0].type_k, asked[0].type_v) == ("q8_0", "q8_0")
    cancel = page.findChild(QAbstractButton, "libraryDetail.measure.cancel")
    assert cancel is not None
    qtbot.waitUntil(cancel.isVisible)
    handle.cancel()
