"""Hostile cards through the page that shows them: nothing is read, nothing is asked, nothing is held up."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QImage, QTextDocument
from PySide6.QtWidgets import QApplication, QTextBrowser
from pytestqt.qtbot import QtBot

from garden.gui.pages.card_view import CardView
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.markdown_view import MarkdownView
from tests.hostile_cards import HOSTILE_CARDS

#: Time and memory that a card may take. Ordinary ones take some milliseconds; the bounds are for a loaded machine.
_MOST_SECONDS = 6.0
_MOST_BYTES = 250_000_000

_OPENED_OR_READ = 0x20 | 0x1


@dataclass
class Trap:
    """A file that tells when it is opened, a server that counts, and addresses for both.

    Attributes:
        file: A picture.
        server: ``http://127.0.0.1:PORT``.
        asked: Requests that came.
    """

    file: Path
    server: str
    asked: list[str] = field(default_factory=list)
    watch: int = -1

    def fill(self, card: str) -> str:
        """A card with the addresses in it."""
        names = {"file": self.file.as_uri(), "path": str(self.file), "web": self.server, "host": self.server[7:]}
        for name, value in names.items():
            card = card.replace(f"{{{name}}}", value)
        return card.replace("{{", "{").replace("}}", "}")

    @property
    def touched(self) -> bool:
        """Whether somebody opened or read the file since the last call."""
        try:
            return bool(os.read(self.watch, 65_536))
        except BlockingIOError:
            return False


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Trap]:
    if not sys.platform.startswith("linux"):
        pytest.skip("the system does not tell who opens a file")
    asked: list[str] = []

    class Counting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    folder = tmp_path / "secret"
    folder.mkdir()
    picture = QImage(60, 60, QImage.Format.Format_RGB32)
    picture.fill(Qt.GlobalColor.red)
    assert picture.save(str(folder / "secret.png"))
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert watch >= 0
    assert libc.inotify_add_watch(watch, os.fsencode(folder), _OPENED_OR_READ) >= 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Counting) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield Trap(folder / "secret.png", f"http://127.0.0.1:{server.server_port}", asked, watch)
        finally:
            server.shutdown()
            thread.join()
            os.close(watch)


@pytest.fixture
def view(qtbot: QtBot, theme: ThemeController) -> CardView:
    view = CardView(theme)
    qtbot.addWidget(view)
    view.resize(600, 400)
    view.show()
    return view


def test_the_table_is_complete() -> None:
    assert len(HOSTILE_CARDS) >= 60


def test_the_trap_catches_a_view_that_reads(qtbot: QtBot, trap: Trap) -> None:
    careless = QTextBrowser()
    qtbot.addWidget(careless)
    careless.setHtml(trap.fill("<img src='{file}'>"))
    careless.show()
    careless.grab()
    assert trap.touched


@pytest.mark.parametrize("name", HOSTILE_CARDS)
def test_a_hostile_card_reaches_nothing(
    view: CardView, trap: Trap, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desktop: list[QUrl] = []

    def open_url(url: QUrl) -> bool:
        desktop.append(url)
        return True

    monkeypatch.setattr(QDesktopServices, "openUrl", open_url)
    opened: list[str] = []
    view.link_opened.connect(opened.append)
    browser = view.findChild(MarkdownView, "card")
    assert browser is not None
    process = psutil.Process()
    before, began = process.memory_info().rss, time.perf_counter()

    view.show_card(trap.fill(HOSTILE_CARDS[name]), trap.fill(HOSTILE_CARDS[name])[:200])
    picture = view.grab().toImage()
    bar = browser.verticalScrollBar()
    bar.setValue(bar.maximum())
    view.grab()
    links = _addresses(browser.document())
    for address in links[:50]:
        browser.highlighted.emit(QUrl(address))
        browser.anchorClicked.emit(QUrl(address))
        for kind in QTextDocument.ResourceType:
            browser.document().resource(kind.value, QUrl(address))
    QApplication.processEvents()
    seconds, grown = time.perf_counter() - began, process.memory_info().rss - before

    assert not trap.touched
    assert trap.asked == []
    assert desktop == []
    assert all(address.lower().startswith(("http://", "https://")) for address in opened)
    assert browser.source().isEmpty()
    assert not any(picture.pixelColor(x, y) == Qt.GlobalColor.red for x in range(0, 600, 7) for y in range(0, 400, 7))
    assert {path.name for path in tmp_path.rglob("*")} >= {"secret.png"}
    assert not list(tmp_path.rglob("*.ran"))
    assert seconds < _MOST_SECONDS
    assert grown < _MOST_BYTES


def _addresses(document: QTextDocument) -> list[str]:
    """Every address in a document, of links and of pictures."""
    found: list[str] = []
    block = document.begin()
    while block.isValid():
        part = block.begin()
        while not part.atEnd():
            form = part.fragment().charFormat()
            found += [form.anchorHref()] if form.isAnchor() else []
            found += [form.toImageFormat().name()] if form.isImageFormat() else []
            part += 1
        block = block.next()
    return found
