from __future__ import annotations

import socket
from pathlib import Path

import pytest

from garden.gui.display import display_problem

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="displays are looked for on Linux alone")


def test_no_display_at_all_is_said() -> None:
    assert display_problem({}) == "There is no display here to open a window on."


def test_a_display_that_does_not_answer_is_named() -> None:
    assert display_problem({"DISPLAY": ":98765"}) == "The display :98765 does not answer."


def test_the_offscreen_platform_needs_no_display() -> None:
    assert display_problem({"QT_QPA_PLATFORM": "offscreen"}) is None


def test_a_wayland_socket_that_listens_is_a_display(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "wayland-0"))
        server.listen()

        assert display_problem({"WAYLAND_DISPLAY": "wayland-0", "XDG_RUNTIME_DIR": str(tmp_path)}) is None


def test_a_stale_wayland_socket_is_none(tmp_path: Path) -> None:
    assert display_problem({"WAYLAND_DISPLAY": "wayland-0", "XDG_RUNTIME_DIR": str(tmp_path)}) is not None
