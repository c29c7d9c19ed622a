"""A conversation is asked once at a time, and a stop reaches the panes of that asking alone."""

from __future__ import annotations

import pytest

from garden.core.errors import RefusedError
from garden.services.panes_at_work import PanesAtWork


def test_a_conversation_is_asked_once_at_a_time() -> None:
    panes = PanesAtWork()
    panes.reserve("c", "AB")
    with pytest.raises(RefusedError, match="still answering"):
        panes.reserve("c", "A")
    assert "c" in panes
    assert panes.conversations() == ("c",)
    panes.free("c")
    assert "c" not in panes


def test_a_stop_is_for_the_asking_under_way() -> None:
    panes = PanesAtWork()
    panes.stop("c", "A")
    panes.reserve("c", "AB")
    first = panes.stopped("c", "A")
    panes.stop("c", "A")
    panes.stop("c", "D")
    assert (first.is_set(), panes.stopped("c", "B").is_set()) == (True, False)
    panes.free("c")
    panes.reserve("c", "A")
    assert not panes.stopped("c", "A").is_set()
