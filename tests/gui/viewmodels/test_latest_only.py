from __future__ import annotations

import functools
import threading
from collections.abc import Iterator

import pytest
from pytestqt.exceptions import capture_exceptions
from pytestqt.qtbot import QtBot

from garden.core.errors import RefusedError
from garden.core.events import EventBus
from garden.gui.bridge.event_pump import EventPump
from garden.gui.viewmodels.latest_only import LatestOnly


@pytest.fixture
def latest(qtbot: QtBot) -> Iterator[LatestOnly]:
    pump = EventPump(EventBus())
    yield LatestOnly(pump)
    pump.close()


def test_what_was_asked_meanwhile_is_asked_once_as_it_is_by_then(qtbot: QtBot, latest: LatestOnly) -> None:
    release = threading.Event()
    worked: list[int] = []
    shown: list[int] = []

    def work(number: int) -> int:
        release.wait(10)
        worked.append(number)
        return number

    for number in range(10):
        latest.ask(functools.partial(work, number), shown.append)
    assert latest.busy
    release.set()
    qtbot.waitUntil(lambda: not latest.busy)

    assert worked == shown == [0, 9]


def test_a_failure_tells_nobody_and_the_next_goes_on(qtbot: QtBot, latest: LatestOnly) -> None:
    shown: list[int] = []

    def fail() -> int:
        raise RefusedError("No.")

    latest.ask(fail, shown.append)
    latest.ask(lambda: 2, shown.append)
    qtbot.waitUntil(lambda: not latest.busy)

    assert shown == [2]


def test_an_answer_that_cannot_be_shown_keeps_no_other_from_coming(qtbot: QtBot, latest: LatestOnly) -> None:
    shown: list[int] = []

    def break_down(_answer: int) -> None:
        raise ValueError("broken")

    with capture_exceptions() as exceptions:
        latest.ask(lambda: 1, break_down)
        latest.ask(lambda: 2, shown.append)
        qtbot.waitUntil(lambda: not latest.busy)

    assert shown == [2]
    assert [kind for kind, _error, _trace in exceptions] == [ValueError]
