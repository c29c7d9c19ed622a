from __future__ import annotations

import dataclasses

import pytest
from PySide6.QtWidgets import QAbstractButton, QMenu
from pytestqt.qtbot import QtBot

from garden.core.licence import LicenceClass
from garden.core.model_query import ModelQuery
from garden.core.model_traits import ArchitectureKind
from garden.gui.pages.filter_bar import SORTS, FilterBar
from garden.gui.pages.filters import FILTERS, described, size_title
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.chip import Chip


@pytest.fixture
def bar(qtbot: QtBot, theme: ThemeController) -> FilterBar:
    bar = FilterBar(theme)
    qtbot.addWidget(bar)
    bar.resize(1_264, 44)
    bar.show()
    return bar


def chip(bar: FilterBar, key: str) -> Chip:
    found = bar.findChild(Chip, f"filter.{key}")
    assert found is not None
    return found


def menu_of(bar: FilterBar, key: str) -> QMenu:
    pressed = chip(bar, key)
    pressed.open_menu()
    menu = pressed.findChild(QMenu)
    assert menu is not None
    menu.close()
    return menu


def choose(bar: FilterBar, key: str, title: str) -> None:
    (action,) = (action for action in menu_of(bar, key).actions() if action.text() == title)
    action.trigger()


def test_every_chip_sets_its_part_of_the_question(qtbot: QtBot, bar: FilterBar) -> None:
    asked: list[ModelQuery] = []
    bar.changed.connect(asked.append)
    bar.offer_authors(["Qwen", "bartowski"])

    for key, title in (
        ("task", "Text generation"),
        ("licence", "Permissive"),
        ("parameters", "4B to 9B"),
        ("architecture", "MoE"),
        ("quant", "Q4_K_M"),
        ("language", "German"),
        ("gated", "open to all"),
        ("author", "Qwen"),
        ("updated", "last year"),
    ):
        choose(bar, key, title)
    bar.findChild(QAbstractButton, "filter.runsHere").click()  # type: ignore[union-attr]  # it is there

    assert asked[-1] == ModelQuery(
        task="text-generation",
        license_class=LicenceClass.PERMISSIVE,
        min_parameters=4_000_000_000,
        max_parameters=9_000_000_000,
        kind=ArchitectureKind.MOE,
        quant_type="Q4_K_M",
        language="de",
        gated=False,
        author="Qwen",
        updated_days=365,
        runs_here=True,
    )
    assert asked[-1].narrowing == (
        "Runs here", "Task", "Licence", "Parameters", "Architecture", "Quant", "Language", "Gated", "Author", "Updated",
    )  # fmt: skip


def test_one_choice_takes_the_place_of_another(bar: FilterBar) -> None:
    asked: list[ModelQuery] = []
    bar.changed.connect(asked.append)
    bar.show_query(ModelQuery(license_class=LicenceClass.COPYLEFT, max_parameters=5))

    (licence,) = (each for each in FILTERS if each.key == "licence")
    exact = licence.chosen(ModelQuery(license_class=LicenceClass.COPYLEFT), {"license": "mit"})

    assert (exact.license, exact.license_class) == ("mit", None)
    chip(bar, "licence").click()
    assert asked == [ModelQuery(max_parameters=5)]


def test_a_chip_that_is_set_is_cleared_by_a_press_and_all_by_one_button(bar: FilterBar) -> None:
    asked: list[ModelQuery] = []
    bar.changed.connect(asked.append)
    query = ModelQuery(text="qwen", sort="likes", kind=ArchitectureKind.HYBRID, quant_type="Q8_0")
    bar.show_query(query)
    assert chip(bar, "architecture").accessibleName() == "Architecture: Hybrid"

    chip(bar, "architecture").click()
    bar.findChild(QAbstractButton, "filter.clear").click()  # type: ignore[union-attr]  # it is there

    assert asked == [dataclasses.replace(query, kind=None), ModelQuery(text="qwen", sort="likes")]


@pytest.mark.parametrize("width", [700, 972, 1_264, 2_000])
def test_no_chip_is_cut_and_none_is_lost(qtbot: QtBot, bar: FilterBar, width: int) -> None:
    bar.show_query(ModelQuery(updated_days=30))
    bar.resize(width, 44)

    shown = [key for each in FILTERS if chip(bar, key := each.key).isVisible()]
    assert "updated" in shown
    right = bar.save_button.geometry().left()
    for widget in bar.findChildren(QAbstractButton):
        if widget.isVisible() and widget is not bar.save_button:
            assert widget.geometry().right() < right
            assert widget.width() >= widget.sizeHint().width()
    hidden = {each.label for each in FILTERS} - {each.label for each in FILTERS if each.key in shown}
    if not hidden:
        assert not chip(bar, "more").isVisible()
        return
    bar.offer_authors(["Qwen"])
    assert {action.text() for action in menu_of(bar, "more").actions()} == hidden


def test_a_filter_without_room_is_chosen_from_the_last_menu(bar: FilterBar) -> None:
    bar.resize(700, 44)
    asked: list[ModelQuery] = []
    bar.changed.connect(asked.append)

    (below,) = (action.menu() for action in menu_of(bar, "more").actions() if action.text() == "Updated")
    assert isinstance(below, QMenu)
    below.actions()[0].trigger()

    assert asked == [ModelQuery(updated_days=7)]
    assert chip(bar, "updated").isVisible()


def test_a_search_is_described_in_a_line() -> None:
    assert described(ModelQuery()) == "Everything"
    query = ModelQuery(
        text="coder", runs_here=True, license_class=LicenceClass.PERMISSIVE, max_parameters=9 * 10**9, sort="best_fit"
    )
    assert described(query) == "“coder” · Runs here · Permissive · Parameters up to 9B · by best fit"
    assert size_title(35 * 10**9, None) == "from 35B"
    assert len({key for _title, key in SORTS}) == 6
