from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from garden.gui.bridge.collector import Collector


class _Knot(QObject):
    """A Qt object that refers to itself: only the collector finds it."""

    def __init__(self) -> None:
        super().__init__()
        self.itself = self


@pytest.fixture(autouse=True)
def _own_collector() -> Iterator[None]:
    gc.collect()
    gc.enable()
    yield
    gc.unfreeze()
    gc.enable()


def test_a_qt_object_is_destroyed_on_the_qt_thread_though_another_makes_what_fills_memory(
    qtbot: QtBot, qapp: QObject
) -> None:
    collector = Collector(qapp)
    ended_on: list[int] = []
    knot = _Knot()
    weakref.finalize(knot, lambda: ended_on.append(threading.get_ident()))
    del knot

    made: list[list[int]] = []
    other = threading.Thread(target=lambda: made.extend([] for _ in range(20 * gc.get_threshold()[0])))
    other.start()
    other.join()
    at_once = list(ended_on)
    qtbot.waitUntil(lambda: bool(ended_on))

    assert (at_once, ended_on) == ([], [threading.get_ident()])
    collector.deleteLater()
