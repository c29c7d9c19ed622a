from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetricsF
from pytestqt.qtbot import QtBot

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.label import Label

SENTENCE = "Anonymous requests are limited. It goes on by itself in 1 min 48 s; with a token the limit doubles."


def test_markup_from_outside_is_text(qtbot: QtBot, theme: ThemeController) -> None:
    label = Label(theme, "<img src='file:///etc/passwd'>")
    qtbot.addWidget(label)

    assert label.textFormat() is Qt.TextFormat.PlainText
    assert label.sizeHint().width() > QFontMetricsF(label.font()).horizontalAdvance("<img src=")


def test_a_line_has_the_height_of_its_style(qtbot: QtBot, theme: ThemeController) -> None:
    heading, caption = Label(theme, "x", style="heading"), Label(theme, "x", style="caption")
    qtbot.addWidget(heading)
    qtbot.addWidget(caption)

    assert (heading.sizeHint().height(), caption.sizeHint().height()) == (24, 16)


def test_a_paragraph_grows_when_it_gets_narrower(qtbot: QtBot, theme: ThemeController) -> None:
    label = Label(theme, SENTENCE, wrap=True)
    qtbot.addWidget(label)

    assert label.heightForWidth(2_000) == 2 * 20  # never wider than it reads well
    assert label.heightForWidth(150) > label.heightForWidth(300)


def test_a_line_that_may_be_elided_gives_way(qtbot: QtBot, theme: ThemeController) -> None:
    kept, gives_way = Label(theme, SENTENCE), Label(theme, SENTENCE, elide=Qt.TextElideMode.ElideRight)
    qtbot.addWidget(kept)
    qtbot.addWidget(gives_way)

    assert kept.minimumSizeHint().width() == kept.sizeHint().width()
    assert gives_way.minimumSizeHint().width() < 40
