from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QColor, QImage, QTextDocument
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from garden.core.errors import HubUnreachableError, NotFoundError
from garden.gui.pages.card_view import CardView
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.markdown_view import MarkdownView
from garden.gui.widgets.state_view import StateView
from garden.services.model_card import MOST_CHARACTERS


@pytest.fixture
def view(qtbot: QtBot, theme: ThemeController) -> CardView:
    view = CardView(theme)
    qtbot.addWidget(view)
    view.resize(600, 400)
    view.show()
    return view


def _browser(view: CardView) -> MarkdownView:
    browser = view.findChild(MarkdownView, "card")
    assert browser is not None
    return browser


def test_metadata_is_left_out(view: CardView) -> None:
    view.show_card("---\nlicense: mit\ntags: [a]\n---\n# Tiny\n\nA model.")

    assert _browser(view).toPlainText().endswith("\nTiny\nA model.")
    assert "tags" not in _browser(view).toPlainText()


@pytest.mark.parametrize(
    "card",
    [
        "![shot]({address})",
        "<img src='{address}'>",
        "<body background='{address}'>text</body>",
        "[![badge]({address})](https://example.org)",
        "<link rel='stylesheet' href='{address}'>",
    ],
)
def test_no_file_of_this_machine_is_read(view: CardView, tmp_path: Path, card: str) -> None:
    red = QImage(60, 60, QImage.Format.Format_RGB32)
    red.fill(Qt.GlobalColor.red)
    red.save(str(tmp_path / "secret.png"))
    address = (tmp_path / "secret.png").as_uri()

    view.show_card(card.format(address=address))

    assert not _has_red(view.grab().toImage())
    assert not _has_red_resource(_browser(view).document(), address)


def _has_red(picture: QImage) -> bool:
    points = ((x, y) for x in range(0, picture.width(), 3) for y in range(0, picture.height(), 3))
    return any(picture.pixelColor(x, y) == QColor(Qt.GlobalColor.red) for x, y in points)


def _has_red_resource(document: QTextDocument, address: str) -> bool:
    resource = document.resource(QTextDocument.ResourceType.ImageResource.value, QUrl(address))
    return not isinstance(resource, QImage) or not resource.isNull()


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "javascript:alert(1)", "smb://host/share", "vscode://x", "/etc/passwd", "data:text/html,x"],
)
def test_links_that_are_no_web_pages_lead_nowhere(view: CardView, address: str) -> None:
    opened: list[str] = []
    view.link_opened.connect(opened.append)

    _browser(view).anchorClicked.emit(QUrl(address))

    assert opened == []
    assert _browser(view).source().isEmpty()


def test_a_web_page_is_handed_on_not_shown(view: CardView) -> None:
    opened: list[str] = []
    view.link_opened.connect(opened.append)

    _browser(view).anchorClicked.emit(QUrl("https://example.org/page"))

    assert opened == ["https://example.org/page"]
    assert _browser(view).source().isEmpty()


def test_a_type_in_angle_brackets_is_not_swallowed(view: CardView) -> None:
    view.show_card("Returns a `Map<K, V>` or Map<K, V>.")

    assert _browser(view).toPlainText().count("Map<K, V>") == 2


def test_an_endless_card_is_cut(view: CardView) -> None:
    view.show_card("A paragraph of words.\n\n" * (MOST_CHARACTERS // 20))

    assert _browser(view).toPlainText().endswith("The card goes on; open its page to read all.")


def test_a_long_card_is_read_from_its_beginning(view: CardView) -> None:
    view.show_card("# First\n\n" + "A paragraph.\n\n" * 200)

    assert _browser(view).verticalScrollBar().value() == 0
    assert _browser(view).verticalScrollBar().maximum() > 0


def test_a_repository_without_a_card_says_so(view: CardView) -> None:
    view.show_problem(NotFoundError("No such file."), lambda: None)

    state = view.findChild(StateView, "card.state")
    assert state is not None
    assert state.title == "No card"


def test_a_card_that_could_not_be_fetched_can_be_tried_again(view: CardView) -> None:
    tried: list[str] = []
    view.show_problem(HubUnreachableError("The Hub does not answer."), lambda: tried.append("again"))
    state = view.findChild(StateView, "card.state")
    assert state is not None

    button = state.findChild(QAbstractButton, "card.state.action1")
    assert button is not None
    button.click()

    assert tried == ["again"]
