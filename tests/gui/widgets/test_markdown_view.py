from __future__ import annotations

import random
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QColor, QImage, QTextCursor, QTextDocument
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.markdown_format import CODE_PROPERTY
from garden.gui.widgets.markdown_view import MarkdownView

ANSWER = """Dates come before `T`. Months are **refused**.

```python
def parse(s: str) -> int:
    return 0  # nothing
```

1. first
2. second
   - nested

   ```sh
   ls
   ```
3. third

| Type | bpw |
|------|----:|
| Q8_0 | 8.5 |

> quoted

Done.
"""


@pytest.fixture
def opened() -> list[str]:
    return []


@pytest.fixture
def view(qtbot: QtBot, theme: ThemeController, opened: list[str]) -> MarkdownView:
    view = MarkdownView(theme, name="answer", label="Answer of A", open_link=opened.append)
    view.resize(500, 400)
    qtbot.addWidget(view)
    view.show()
    return view


def _margins(view: MarkdownView) -> list[tuple[str, float, float]]:
    lines = []
    block = view.document().begin()
    while block.isValid():
        form = block.blockFormat()
        lines.append((block.text(), form.topMargin(), form.bottomMargin()))
        block = block.next()
    return lines


def test_a_streamed_answer_ends_as_the_whole_one(view: MarkdownView, qtbot: QtBot, theme: ThemeController) -> None:
    whole = MarkdownView(theme)
    qtbot.addWidget(whole)
    whole.set_text(ANSWER)
    pieces = random.Random(7)
    position = 0
    while position < len(ANSWER):
        size = pieces.randint(1, 5)
        view.append(ANSWER[position : position + size])
        position += size
    view.finish()

    assert view.toPlainText() == whole.toPlainText()
    assert view.document().toMarkdown() == whole.document().toMarkdown()
    assert _margins(view) == _margins(whole)
    assert view.text == ANSWER


def test_angle_brackets_are_text(view: MarkdownView) -> None:
    view.set_text("A `Map<K, V>` and a Map<K, V> and <b>bold</b>")

    assert view.toPlainText() == "A Map<K, V> and a Map<K, V> and <b>bold</b>"


def test_nothing_is_read_from_disk(view: MarkdownView, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")

    view.set_text(f"![what it shows](file://{secret})")

    # Asked through the document, which reads a file by itself when its view hands out nothing at all.
    resource = view.document().resource(QTextDocument.ResourceType.ImageResource.value, QUrl.fromLocalFile(str(secret)))
    assert isinstance(resource, QImage)
    assert resource.isNull()
    assert view.toPlainText() == "[what it shows]"


def _press_link(view: MarkdownView, qtbot: QtBot, word: str) -> None:
    cursor = view.document().find(word)
    assert not cursor.isNull()
    cursor.setPosition(cursor.selectionStart() + 1)
    place = view.cursorRect(cursor).center() + QPoint(2, 0)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_a_link_to_the_web_is_handed_out_when_clicked(view: MarkdownView, qtbot: QtBot, opened: list[str]) -> None:
    view.set_text("See [documentation](https://example.org/a) now")

    _press_link(view, qtbot, "documentation")

    assert opened == ["https://example.org/a"]
    assert view.toPlainText() == "See documentation now"


@pytest.mark.parametrize("address", ["file:///etc/passwd", "javascript:alert(1)", "smb://host/share", "vscode://x"])
def test_any_other_link_is_only_text(view: MarkdownView, qtbot: QtBot, opened: list[str], address: str) -> None:
    view.set_text(f"See [documentation]({address}) now")

    _press_link(view, qtbot, "documentation")

    assert opened == []
    assert view.toPlainText() == "See documentation now"


def _colour_of(view: MarkdownView, word: str) -> QColor:
    """Colour that a word is drawn in: its own, or the one laid over it."""
    cursor = view.document().find(word)
    assert not cursor.isNull()
    block, start = cursor.block(), cursor.selectionStart() - cursor.block().position()
    for laid in block.layout().formats():
        if laid.start <= start < laid.start + laid.length:
            return laid.format.foreground().color()
    return cursor.charFormat().foreground().color()


def _code_lines(view: MarkdownView) -> list[str]:
    lines = []
    block = view.document().begin()
    while block.isValid():
        if block.blockFormat().property(CODE_PROPERTY):
            lines.append(block.text())
        block = block.next()
    return lines


def test_code_is_coloured_when_its_fence_closes(view: MarkdownView, theme: ThemeController, qtbot: QtBot) -> None:
    view.append("```python\ndef parse(): pass\n")
    assert _colour_of(view, "def") == theme.theme.color("text.primary")

    view.append("```\n")
    qtbot.waitUntil(lambda: view.coloured)

    assert _colour_of(view, "def") == theme.theme.color("syntax.keyword")
    assert _colour_of(view, "parse") == theme.theme.color("syntax.function")


def test_colours_that_span_lines_and_letters_of_two_units_stay_in_place(
    view: MarkdownView, theme: ThemeController, qtbot: QtBot
) -> None:
    view.set_text('```python\n"""\n😀 told\n"""\nclass Box: pass\n```\n')
    qtbot.waitUntil(lambda: view.coloured)

    assert _colour_of(view, "told") == theme.theme.color("syntax.string")
    assert _colour_of(view, "class") == theme.theme.color("syntax.keyword")
    assert _colour_of(view, "Box") == theme.theme.color("syntax.type")


def test_text_after_code_is_not_code(view: MarkdownView) -> None:
    view.set_text("before\n```\none\n\n  two\n```\nafter\n```\n```\nend")

    assert _code_lines(view) == ["one", "", "  two", ""]
    assert view.toPlainText() == "before\none\n\n  two\nafter\n\nend"


def test_the_area_of_code_is_drawn_behind_its_lines_alone(view: MarkdownView, theme: ThemeController) -> None:
    view.set_text("before\n\n```\none\ntwo\n```\n\nafter")
    image = view.viewport().grab().toImage()
    column = [image.pixelColor(200, y) for y in range(image.height())]
    lines = [y for y, colour in enumerate(column) if colour == theme.theme.color("bg.code")]

    # Two lines of 18 pixels, 8 of padding on both sides, less the hairlines.
    assert lines == list(range(lines[0], lines[0] + 2 * 18 + 2 * 8 - 2))


def test_it_follows_the_end_only_when_the_end_is_in_sight(view: MarkdownView) -> None:
    view.append("line\n\n" * 60)
    bar = view.verticalScrollBar()
    assert bar.value() == bar.maximum() > 0

    bar.setValue(10)
    view.append("more\n\n" * 20)

    assert bar.value() == 10


def test_a_selection_stays_while_text_comes(view: MarkdownView) -> None:
    view.append("Select me.\n\nAnd th")
    cursor = view.document().find("Select me")
    view.setTextCursor(cursor)

    view.append("en more.\n\nAnd more.")

    assert view.textCursor().selectedText() == "Select me"


def test_ordered_items_keep_their_numbers_after_code(view: MarkdownView) -> None:
    view.set_text(ANSWER)

    third = view.document().find("third").block().textList()

    assert third is not None
    assert third.format().start() == 3


def test_another_theme_keeps_the_text(qtbot: QtBot) -> None:
    controller = ThemeController(None, "light")
    view = MarkdownView(controller)
    qtbot.addWidget(view)
    view.set_text(ANSWER)
    before = view.toPlainText()

    controller.choose("dark")

    assert view.toPlainText() == before
    assert _colour_of(view, "Dates") == controller.theme.color("text.primary")


def test_an_endless_answer_does_not_make_each_update_slower(view: MarkdownView) -> None:
    view.append("word " * 20 + "\n\n")
    blocks_before = view.document().blockCount()
    for _ in range(50):
        view.append("word " * 20 + "\n\n")

    # What was finished is never inserted again: a cursor into it still stands where it stood.
    marker = QTextCursor(view.document().findBlockByNumber(3))
    marker.movePosition(QTextCursor.MoveOperation.EndOfBlock)
    position = marker.position()
    view.append("tail")
    assert marker.position() == position
    assert view.document().blockCount() > blocks_before + 45
