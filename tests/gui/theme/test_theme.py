from __future__ import annotations

import re

import pytest
from PySide6.QtGui import QFont, QFontInfo, QFontMetricsF, QPalette
from PySide6.QtWidgets import QApplication

from garden.core.paths import resource_path
from garden.gui.theme.palette import build_palette
from garden.gui.theme.style_sheet import build_style_sheet
from garden.gui.theme.theme import Theme, ThemeController
from garden.gui.theme.tokens import Scheme

SCHEMES: tuple[Scheme, ...] = ("light", "dark")


def test_eight_digits_are_read_with_alpha_last() -> None:
    scrim = Theme(scheme="light").color("bg.scrim")

    assert (scrim.red(), scrim.green(), scrim.blue(), scrim.alpha()) == (0x1A, 0x20, 0x1C, 0x59)


def test_sizes_grow_with_the_text() -> None:
    assert Theme(scale=1.5).size("control") == 42
    assert Theme(scale=1.5).font("body").pointSizeF() == pytest.approx(19.5 * 72 / 96, abs=0.1)


def test_comfortable_adds_to_rows_only() -> None:
    compact, comfortable = Theme(), Theme(density="comfortable")

    assert comfortable.size("row_model") == compact.size("row_model") + 6
    assert comfortable.size("control") == compact.size("control")


def test_both_families_are_there(theme: ThemeController) -> None:
    assert QFontInfo(theme.theme.font("body")).family() == "Inter"
    assert QFontInfo(theme.theme.font("code")).family() == "JetBrains Mono"


def test_a_heavier_weight_is_drawn_heavier_without_a_faked_bold(theme: ThemeController) -> None:
    plain, strong = (QFontMetricsF(theme.theme.font("body", weight=weight)) for weight in (400, 700))

    assert strong.horizontalAdvance("Weights") > plain.horizontalAdvance("Weights")
    assert theme.theme.font("body", weight=700).weight() < QFont.Weight.Bold


def test_figures_have_one_width(theme: ThemeController) -> None:
    metrics = QFontMetricsF(theme.theme.font("body"))

    assert metrics.horizontalAdvance("1111") == metrics.horizontalAdvance("8888")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_palette_follows_the_scheme(scheme: str) -> None:
    look = Theme(scheme=scheme)  # type: ignore[arg-type]  # parametrized as plain text
    palette = build_palette(look)

    assert palette.color(QPalette.ColorRole.Base) == look.color("bg.surface")
    assert palette.color(QPalette.ColorRole.Accent) == look.color("accent.base")
    inactive = palette.color(QPalette.ColorGroup.Inactive, QPalette.ColorRole.Highlight)
    assert inactive == look.color("bg.selected_inactive")


def test_style_sheet_sets_no_fonts_and_leaves_no_gap() -> None:
    sheet = build_style_sheet(Theme())

    assert "font-" not in sheet
    assert not re.search(r"\{\w|None", sheet)
    assert sheet.count("{") == sheet.count("}")


def test_choosing_a_scheme_dresses_the_application_and_says_so(qapp: QApplication, theme: ThemeController) -> None:
    controller = ThemeController(qapp, "light")
    heard: list[str] = []
    controller.changed.connect(lambda: heard.append(controller.theme.scheme))

    controller.choose("dark")
    controller.choose("dark")

    assert heard == ["dark"]
    assert qapp.palette().color(QPalette.ColorRole.Window) == controller.theme.color("bg.window")
    controller.choose("light", scale=1.0)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_arrow_of_a_choice_has_the_colour_of_its_text(scheme: Scheme) -> None:
    color = Theme(scheme=scheme).color("text.secondary").name()
    assert color in resource_path(f"look/arrow-{scheme}.svg").read_text(encoding="utf-8").lower()
