from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QColor, QImage, QTextDocument
from pytestqt.qtbot import QtBot

from garden.gui.pages.card_view import CardBrowser
from garden.gui.theme.theme import ThemeController


@pytest.fixture
def browser(qtbot: QtBot, theme: ThemeController) -> CardBrowser:
    browser = CardBrowser(theme)
    qtbot.addWidget(browser)
    browser.resize(600, 400)
    browser.show()
    return browser


def test_metadata_is_left_out(browser: CardBrowser) -> None:
    browser.show_markdown("---\nlicense: mit\ntags: [a]\n---\n# Tiny\n\nA model.")

    assert browser.toPlainText() == "Tiny\nA model."


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
def test_no_file_of_this_machine_is_read(browser: CardBrowser, tmp_path: Path, card: str) -> None:
    red = QImage(60, 60, QImage.Format.Format_RGB32)
    red.fill(Qt.GlobalColor.red)
    red.save(str(tmp_path / "secret.png"))
    address = (tmp_path / "secret.png").as_uri()

    browser.show_markdown(card.format(address=address))

    assert not _has_red(browser.grab().toImage())
    assert not _has_red_resource(browser.document(), address)


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
def test_links_that_are_no_web_pages_lead_nowhere(browser: CardBrowser, address: str) -> None:
    opened: list[str] = []
    browser.link_opened.connect(opened.append)

    browser.anchorClicked.emit(QUrl(address))

    assert opened == []
    assert browser.source().isEmpty()


def test_a_web_page_is_handed_on_not_shown(browser: CardBrowser) -> None:
    opened: list[str] = []
    browser.link_opened.connect(opened.append)

    browser.anchorClicked.emit(QUrl("https://example.org/page"))

    assert opened == ["https://example.org/page"]
    assert browser.source().isEmpty()


def test_a_type_in_angle_brackets_is_not_swallowed(browser: CardBrowser) -> None:
    browser.show_markdown("Returns a `Map<K, V>` or Map<K, V>.")

    assert browser.toPlainText().count("Map<K, V>") == 2


def test_an_endless_card_is_cut(browser: CardBrowser) -> None:
    browser.show_markdown("word " * 200_000)

    assert browser.toPlainText().endswith("The card goes on; open its page to read all.")
