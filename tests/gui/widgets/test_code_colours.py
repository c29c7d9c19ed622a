from __future__ import annotations

import threading

import pytest
from pygments.lexer import Lexer
from pytestqt.qtbot import QtBot

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets import code_colours
from garden.gui.widgets.markdown_view import MarkdownView


def test_the_window_does_not_wait_for_the_rules_of_a_language(
    qtbot: QtBot, theme: ThemeController, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on = threading.Event()
    read_by: list[threading.Thread] = []
    original = code_colours._lexer

    def slow(language: str) -> Lexer | None:
        read_by.append(threading.current_thread())
        assert may_go_on.wait(20)
        return original(language)

    monkeypatch.setattr(code_colours, "_lexer", slow)
    monkeypatch.setattr(code_colours, "_asked", {})
    view = MarkdownView(theme)
    qtbot.addWidget(view)

    view.set_text("```python\ndef parse(): pass\n```\n")
    qtbot.wait(60)
    waited = not view.coloured
    may_go_on.set()
    qtbot.waitUntil(lambda: view.coloured)

    assert waited
    assert read_by[0] is not threading.main_thread()


def test_the_pieces_joined_are_the_code() -> None:
    code = 'def parse(day: str) -> int:\n    """Told.\n\n    😀"""\n    return 1  # one\n'

    pieces = list(code_colours.color_pieces(code, "python"))

    assert "".join(piece for piece, _color in pieces) == code
    assert ("def", "syntax.keyword") in pieces
    assert [*code_colours.color_pieces(code, "no such language")] == [(code, "text.primary")]
