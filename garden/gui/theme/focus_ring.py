"""The ring around what has the keyboard focus. It stands outside the control, which no style sheet can draw."""

from __future__ import annotations

import shiboken6
from PySide6.QtCore import QEvent, QObject, QRect, QRectF, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractItemView, QAbstractScrollArea, QApplication, QWidget

from garden.gui.theme.theme import ThemeController

_GAP = 1
_WIDTH = 2
_OUTSET = _GAP + _WIDTH


class FocusRing(QWidget):
    """Follows the keyboard focus of an application.

    Rows of a view draw theirs inside; their view carries the property ``keyboardFocus`` while keys lead.
    A widget can ask for another shape by the dynamic properties ``focusRadius`` (corner radius of the control) and
    ``focusRing`` (False: it draws its own, as rows do).
    """

    def __init__(self, application: QApplication, theme: ThemeController) -> None:
        super().__init__()
        self._theme = theme
        self._target: QWidget | None = None
        self._by_keyboard = False
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setObjectName("focusRing")
        self.hide()
        application.focusChanged.connect(self._on_focus_changed)
        theme.changed.connect(self.update)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Notice whether focus moves by keys or by mouse (at the window), and follow the target."""
        kind = event.type()
        if kind in (QEvent.Type.KeyPress, QEvent.Type.MouseButtonPress):
            self._notice(by_keyboard=kind == QEvent.Type.KeyPress)
        elif watched is self._target and kind in (
            QEvent.Type.Move,
            QEvent.Type.Resize,
            QEvent.Type.Show,
            QEvent.Type.ParentChange,
        ):
            self._place()
        elif watched is self._target and kind == QEvent.Type.Hide:
            self._leave()
        return False

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the ring."""
        if self._target is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.theme.color("focus.ring"), _WIDTH))
        told = self._target.property("focusRadius")
        radius = float(told) if told is not None else self._theme.theme.radius("control")
        half = _WIDTH / 2
        outer = radius + _GAP + half
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(half, half, -half, -half), outer, outer)

    @Slot(QWidget, QWidget)
    def _on_focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        handle = new.window().windowHandle() if new is not None else None
        if handle is not None:
            # Once per window, not on the application: that would put Python into the way of every event.
            handle.installEventFilter(self)
        self._tell_rows(new)
        if new is None or not self._by_keyboard or not self._wants_ring(new):
            self._leave()
            return
        self._leave()
        self._target = _shape_of(new)
        self._target.installEventFilter(self)
        self._place()

    def _notice(self, *, by_keyboard: bool) -> None:
        if by_keyboard == self._by_keyboard:
            return
        self._by_keyboard = by_keyboard
        if not by_keyboard:
            self.hide()
        self._tell_rows(QApplication.focusWidget())

    def _tell_rows(self, widget: QWidget | None) -> None:
        """Rows draw their own focus, inside; they read whether to from a property of their view."""
        if isinstance(widget, QAbstractItemView) and widget.property("keyboardFocus") != self._by_keyboard:
            widget.setProperty("keyboardFocus", self._by_keyboard)
            widget.viewport().update()

    @staticmethod
    def _wants_ring(widget: QWidget) -> bool:
        if widget.property("focusRing") is False or isinstance(widget, QAbstractItemView):
            return False
        return not widget.isWindow()

    def _place(self) -> None:
        target = self._target
        parent = target.parentWidget() if target is not None else None
        if target is None or parent is None or not target.isVisible():
            self._leave()
            return
        if self.parentWidget() is not parent:
            self.setParent(parent)
        self.setGeometry(QRect(target.geometry()).adjusted(-_OUTSET, -_OUTSET, _OUTSET, _OUTSET))
        self.raise_()
        self.show()

    def _leave(self) -> None:
        if self._target is not None and shiboken6.isValid(self._target):
            self._target.removeEventFilter(self)
        self._target = None
        self.hide()
        # A parent that goes away must not take the ring with it.
        self.setParent(None)


def _shape_of(widget: QWidget) -> QWidget:
    """A field inside a frame shows its focus on the frame; a scroll area on itself, not on its viewport."""
    parent = widget.parentWidget()
    if parent is not None and parent.property("focusFrame"):
        return parent
    if isinstance(parent, QAbstractScrollArea) and parent.viewport() is widget:
        return parent
    return widget
