"""Widths that grow with the text, also while the window is open."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from garden.gui.theme.theme import ThemeController


class _ScaledSize(QObject):
    """Lives with its widget and applies a size now and at each change of the theme."""

    def __init__(self, widget: QWidget, theme: ThemeController, apply: Callable[[int], None], pixels: float) -> None:
        super().__init__(widget)
        self._theme = theme
        self._apply = apply
        self._pixels = pixels
        theme.changed.connect(self._on_theme_changed)
        self._on_theme_changed()

    @Slot()
    def _on_theme_changed(self) -> None:
        self._apply(self._theme.theme.px(self._pixels))


def fix_width(widget: QWidget, theme: ThemeController, pixels: float) -> None:
    """Make a widget so wide, logical pixels at 100 % text size."""
    _ScaledSize(widget, theme, widget.setFixedWidth, pixels)


def limit_width(widget: QWidget, theme: ThemeController, pixels: float) -> None:
    """Let a widget be at most so wide."""
    _ScaledSize(widget, theme, widget.setMaximumWidth, pixels)


def widen(widget: QWidget, theme: ThemeController, pixels: float) -> None:
    """Let a widget be at least so wide."""
    _ScaledSize(widget, theme, widget.setMinimumWidth, pixels)


def fix_height(widget: QWidget, theme: ThemeController, pixels: float) -> None:
    """Make a widget so high."""
    _ScaledSize(widget, theme, widget.setFixedHeight, pixels)
