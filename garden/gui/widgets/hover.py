"""The pointer above widgets that draw themselves."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget


def follow_pointer(widget: QWidget) -> None:
    """Have a widget drawn anew when the pointer comes and goes; its ``underMouse`` tells which it was."""
    widget.setAttribute(Qt.WidgetAttribute.WA_Hover)
