"""What lies above the page: sheets over a scrim, and popovers beside what opened them. Never windows of their own."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from garden.gui.theme.theme import Theme, ThemeController
from garden.gui.widgets.themed_widget import ThemedWidget

#: Blur, offset and strength of the two layers of the popovers' shadow, per scheme.
_SHADOWS = {
    "light": ((20, 6, 0.14), (3, 1, 0.10)),
    "dark": ((24, 8, 0.50), (3, 1, 0.40)),
}


def paint_shadow(painter: QPainter, theme: Theme, rect: QRectF, radius: float) -> None:
    """Draw the shadow of a popover around its rectangle."""
    painter.save()
    painter.setPen(Qt.PenStyle.NoPen)
    for blur, offset, strength in _SHADOWS[theme.scheme]:
        # Concentric steps whose strengths add up: a blur without a pixmap.
        color = QColor(24, 32, 27) if theme.scheme == "light" else QColor(0, 0, 0)
        color.setAlphaF(strength / blur)
        painter.setBrush(color)
        for step in range(blur):
            grow = blur / 2 - step
            layer = rect.adjusted(-grow, -grow, grow, grow).translated(0, offset)
            painter.drawRoundedRect(layer, max(1.0, radius + grow), max(1.0, radius + grow))
    painter.restore()


class Sheet(ThemedWidget):
    """The raised area of an overlay; ``column`` takes what stands in it.

    Args:
        theme: Where colours come from.
        radius: Name of the corner radius.
        parent: The overlay.

    Attributes:
        column: Layout without margins or spacing.
        footer_height: Height of a band of the sunken colour at the lower end, 0 for none.
    """

    def __init__(self, theme: ThemeController, radius: str, parent: QWidget) -> None:
        super().__init__(theme, parent)
        self._radius = radius
        self.footer_height = 0
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(1, 1, 1, 1)
        self.column.setSpacing(0)

    @property
    def corner(self) -> float:
        """Corner radius, pixels."""
        return self.look.radius(self._radius)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw area, footer band and hairline."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        shape = QPainterPath()
        shape.addRoundedRect(frame, self.corner, self.corner)
        painter.fillPath(shape, self.look.color("bg.raised"))
        if self.footer_height:
            painter.save()
            painter.setClipPath(shape)
            top = self.height() - self.footer_height
            painter.fillRect(QRectF(0, top, self.width(), self.footer_height), self.look.color("bg.sunken"))
            painter.fillRect(QRectF(0, top, self.width(), 1), self.look.color("border.default"))
            painter.restore()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self.look.color("border.strong"), 1))
        painter.drawRoundedRect(frame, self.corner, self.corner)


class Overlay(ThemedWidget):
    """Covers a window: a flat scrim, and a sheet in its middle. Esc and a click beside it close it.

    The tab key stays inside; focus goes back to where it was.

    Args:
        theme: Where colours come from.
        window: The window to cover.
        name: objectName.
        scrim: Whether what lies below is dimmed.
        radius: Name of the sheet's corner radius.

    Signals:
        closed: It went away, for whatever reason.
    """

    closed = Signal()

    def __init__(
        self, theme: ThemeController, window: QWidget, *, name: str, scrim: bool = True, radius: str = "sheet"
    ) -> None:
        super().__init__(theme, window)
        self.setObjectName(name)
        self._scrim = scrim
        self._before: QWidget | None = None
        self.sheet = Sheet(theme, radius, self)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.hide()
        window.installEventFilter(self)

    @property
    def is_open(self) -> bool:
        """Whether it covers the window now."""
        return not self.isHidden()

    def open(self) -> None:
        """Show it above everything else in the window."""
        window = self.parentWidget()
        if window is None:
            return
        self._before = QApplication.focusWidget()
        self.setGeometry(window.rect())
        self.place()
        self.show()
        self.raise_()
        first = self._focusable()
        if first:
            first[0].setFocus(Qt.FocusReason.PopupFocusReason)

    def dismiss(self) -> None:
        """Close it and give the focus back."""
        if self.isHidden():
            return
        self.hide()
        if self._before is not None and _still_there(self._before):
            self._before.setFocus(Qt.FocusReason.PopupFocusReason)
        self._before = None
        self.closed.emit()

    def place(self) -> None:
        """Put the sheet where it belongs; called when the window changes its size."""
        size = self.sheet.sizeHint().boundedTo(self.size() * 0.92)
        self.sheet.setGeometry(QRect(QPoint(0, 0), size))
        self.sheet.move((self.width() - size.width()) // 2, max(20, (self.height() - size.height()) // 3))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay as large as the window."""
        window = self.parentWidget()
        if event.type() == QEvent.Type.Resize and watched is window and window is not None and self.is_open:
            self.setGeometry(window.rect())
            self.place()
        return False

    def event(self, event: QEvent) -> bool:
        """Follow the sheet's size when its content changes."""
        if event.type() == QEvent.Type.LayoutRequest and self.is_open:
            self.place()
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Close on Esc; no other key reaches what lies below."""
        if event.key() == Qt.Key.Key_Escape:
            self.dismiss()
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Close on a click beside the sheet."""
        if not self.sheet.geometry().contains(event.position().toPoint()):
            self.dismiss()
        event.accept()

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Keep the tab key inside."""
        chain = self._focusable()
        if not chain:
            return True
        current = QApplication.focusWidget()
        position = chain.index(current) if current in chain else -1
        chain[(position + (1 if forward else -1)) % len(chain)].setFocus(
            Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
        )
        return True

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Dim what lies below, draw the shadow of the sheet."""
        painter = QPainter(self)
        if self._scrim:
            painter.fillRect(self.rect(), self.look.color("bg.scrim"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_shadow(painter, self.look, QRectF(self.sheet.geometry()), self.sheet.corner)

    def _focusable(self) -> list[QWidget]:
        tabbable = Qt.FocusPolicy.TabFocus.value
        return [
            child
            for child in self.sheet.findChildren(QWidget)
            if child.isVisibleTo(self)
            and child.isEnabled()
            and child.focusPolicy().value & tabbable
            and child.focusProxy() is None
        ]


def _still_there(widget: QWidget) -> bool:
    import shiboken6

    return shiboken6.isValid(widget) and widget.isVisible()


class Popover(Overlay):
    """A sheet beside what opened it, without a scrim.

    Args:
        theme: Where colours come from.
        anchor: The widget that opens it.
        name: objectName.
        width: Of the sheet, logical pixels at 100 %; None as wide as its content.
    """

    def __init__(self, theme: ThemeController, anchor: QWidget, *, name: str, width: int | None = None) -> None:
        super().__init__(theme, anchor.window(), name=name, scrim=False, radius="card")
        self._anchor = anchor
        self._sheet_width = width

    def place(self) -> None:
        """Below the anchor, right edges aligned where there is no room to the right; above it when that is better."""
        hint = self.sheet.sizeHint()
        width = self.look.px(self._sheet_width) if self._sheet_width else hint.width()
        layout = self.sheet.layout()
        height = layout.heightForWidth(width) if layout is not None and layout.hasHeightForWidth() else hint.height()
        corner = self._anchor.mapTo(self.window(), QPoint(0, 0))
        left = corner.x()
        if left + width > self.width() - 8:
            left = corner.x() + self._anchor.width() - width
        top = corner.y() + self._anchor.height() + 4
        if top + height > self.height() - 8:
            above = corner.y() - 4 - height
            top = above if above >= 8 else max(8, self.height() - 8 - height)
        # What opened it may itself stand out over the edge.
        left = min(left, self.width() - 8 - width)
        self.sheet.setGeometry(max(8, left), top, width, min(height, self.height() - 16))
