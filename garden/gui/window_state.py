"""How the window was left: its place, its rail. A small file of its own; losing it loses nothing."""

from __future__ import annotations

import base64
import binascii
import contextlib

import msgspec
from PySide6.QtCore import QByteArray

from garden.core.errors import GardenError
from garden.core.paths import data_dir
from garden.store.atomic_file import write_atomically

_FILE = "window.json"


class WindowState(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered.

    Attributes:
        geometry: Qt's own bytes, base64.
        rail_collapsed: Whether the rail shows icons alone.
    """

    geometry: str = ""
    rail_collapsed: bool = False

    @property
    def geometry_bytes(self) -> QByteArray:
        """As Qt wants them; empty when they cannot be read."""
        try:
            return QByteArray(base64.b64decode(self.geometry, validate=True))
        except (binascii.Error, ValueError):
            return QByteArray()


def load_window_state() -> WindowState:
    """What was saved last; the defaults when there is nothing, or nothing readable."""
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode((data_dir() / _FILE).read_bytes(), type=WindowState)
    return WindowState()


def save_window_state(geometry: QByteArray, *, rail_collapsed: bool) -> None:
    """Save how the window is left; a full disk is no reason not to close."""
    state = WindowState(geometry=base64.b64encode(geometry.data()).decode(), rail_collapsed=rail_collapsed)
    with contextlib.suppress(GardenError, OSError):
        write_atomically(data_dir() / _FILE, msgspec.json.encode(state))
