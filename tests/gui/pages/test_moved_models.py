"""What shows a model goes on with it when the models folder moves."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QTableView
from pytestqt.qtbot import QtBot

from garden.gui.pages.library_page import LibraryPage
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.workshop import WorkshopViewModel
from tests.gui.open_garden import OpenGarden, Window, open_garden


@pytest.fixture
def opened() -> Iterator[OpenGarden]:
    with open_garden() as opened:
        yield opened


@pytest.fixture
def models(opened: OpenGarden, tiny_model: Path) -> Path:
    """The models folder, with three models of the same bytes."""
    folder = opened.garden.settings.models_dir
    folder.mkdir(parents=True)
    for name in ("Alpha", "Beta", "Gamma"):
        shutil.copyfile(tiny_model, folder / f"{name}-F16.gguf")
    opened.garden.library.scan().result(30)
    return folder


@pytest.mark.parametrize("hashed", [False, True])
def test_the_library_goes_on_with_the_chosen_models(
    qtbot: QtBot, opened: OpenGarden, models: Path, theme: ThemeController, tmp_path: Path, hashed: bool
) -> None:
    library = opened.garden.library
    if hashed:
        for entry in library.entries():
            library.verify(entry).result(20)
    page = LibraryPage(opened.garden, opened.pump, Window(), theme)
    qtbot.addWidget(page)
    page.show()
    qtbot.waitUntil(lambda: page.library.shown.rowCount() == 3, timeout=20_000)
    table = page.findChild(QTableView, "library")
    assert table is not None
    page.select_path(str(models / "Beta-F16.gguf"))
    assert page.model_at_hand == str(models / "Beta-F16.gguf")

    library.models_folder.move(tmp_path / "new").result(30)

    there = str(tmp_path / "new" / "Beta-F16.gguf")
    qtbot.waitUntil(
        lambda: {Path(row.entry.ref.path or "").parent for row in page.library.table.rows} == {tmp_path / "new"},
        timeout=20_000,
    )
    assert page.model_at_hand == there


@pytest.mark.engine
def test_the_workshop_goes_on_with_its_source_and_what_was_chosen(
    qtbot: QtBot, opened: OpenGarden, models: Path, tmp_path: Path
) -> None:
    workshop = WorkshopViewModel(opened.garden, opened.pump)
    workshop.load()
    qtbot.waitUntil(lambda: workshop.listed, timeout=20_000)
    workshop.choose_source(next(entry for entry in workshop.entries if entry.ref.name == "Beta"))
    qtbot.waitUntil(lambda: workshop.source is not None and not workshop.busy, timeout=60_000)
    workshop.table.choose(["Q8_0", "Q4_0"])

    opened.garden.library.models_folder.move(tmp_path / "new").result(30)

    there = str(tmp_path / "new" / "Beta-F16.gguf")
    qtbot.waitUntil(lambda: workshop.source is not None and workshop.source.entry.ref.path == there, timeout=20_000)
    assert {row.quant_type for row in workshop.table.chosen} == {"Q8_0", "Q4_0"}
    assert there in workshop.command()
