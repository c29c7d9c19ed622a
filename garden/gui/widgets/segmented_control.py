"""One choice among few, all of them in view."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QRadioButton, QSizePolicy, QWidget

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.themed_widget import ThemedWidget

#: Room between the frame and the segments, logical pixels at 100 %.
_INSET = 3


class _Segment(QRadioButton):
    """One segment: a radio button to a screen reader, drawn by itself."""

    def __init__(self, theme: ThemeController, title: str, parent: QWidget) -> None:
        super().__init__(title, parent)
        self._controller = theme
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setProperty("focusRadius", theme.theme.radius("badge"))
        self.setAccessibleName(title)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    def sizeHint(self) -> QSize:
        """Text and padding; as wide as when chosen, so that nothing moves."""
        theme = self._controller.theme
        width = QFontMetricsF(theme.font("small", weight=600)).horizontalAdvance(self.text())
        return QSize(math.ceil(width) + 2 * theme.px(10), theme.px(22))

    def minimumSizeHint(self) -> QSize:
        """Never narrower than its text."""
        return self.sizeHint()

    def hitButton(self, _position: object) -> bool:
        """All of it can be pressed."""
        return True

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the text; the raised chip of the chosen one is larger than the segment, so the control draws that."""
        theme = self._controller.theme
        painter = QPainter(self)
        painter.setFont(theme.font("small", weight=600 if self.isChecked() else 500))
        color = "text.disabled" if not self.isEnabled() else "text.primary" if self.isChecked() else "text.secondary"
        painter.setPen(theme.color(color))
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), self.text())


class SegmentedControl(ThemedWidget):
    """Segments side by side; arrow keys move between them.

    Args:
        theme: Where colours come from.
        options: Key and title of each segment.
        name: objectName; segments are named ``name.key``.
        label: Accessible name of the whole.
        parent: Qt parent.

    Signals:
        chosen: Key of the segment that the user picked.
    """

    chosen = Signal(str)

    def __init__(
        self,
        theme: ThemeController,
        options: Sequence[tuple[str, str]] = (),
        *,
        name: str = "",
        label: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, parent)
        self.setObjectName(name)
        self.setAccessibleName(label)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._group = QButtonGroup(self)
        self._group.buttonToggled.connect(self._on_toggled)
        self._segments: dict[str, _Segment] = {}
        self._row = QHBoxLayout(self)
        inset = theme.theme.px(_INSET)
        self._row.setContentsMargins(inset, inset, inset, inset)
        self._row.setSpacing(0)
        self.set_options(options)
        self._group.buttonClicked.connect(self._on_clicked)

    @property
    def current(self) -> str:
        """Key of the chosen segment, empty when none is."""
        return next((key for key, segment in self._segments.items() if segment.isChecked()), "")

    def set_options(self, options: Sequence[tuple[str, str]]) -> None:
        """Offer these segments; the choice stays when it is among them, titles of the same keys just change."""
        if [key for key, _title in options] == list(self._segments):
            for key, title in options:
                segment = self._segments[key]
                if segment.text() != title:
                    segment.setText(title)
                    segment.setAccessibleName(title)
                    segment.updateGeometry()
            return
        current, before = self.current, list(self._segments.values())
        for segment in before:
            self._group.removeButton(segment)
            self._row.removeWidget(segment)
            segment.hide()
            segment.deleteLater()
        self._segments = {}
        for key, title in options:
            segment = _Segment(self._controller, title, self)
            segment.setObjectName(f"{self.objectName()}.{key}")
            self._group.addButton(segment)
            self._row.addWidget(segment)
            if before:
                # The tab key finds the new ones where it found the old ones.
                QWidget.setTabOrder(before[-1], segment)
            before.append(segment)
            self._segments[key] = segment
        if options:
            self.set_current(current if current in self._segments else options[0][0])

    def set_current(self, key: str) -> None:
        """Choose a segment without telling anyone."""
        if key in self._segments:
            self._segments[key].setChecked(True)

    def sizeHint(self) -> QSize:
        """Segments and the frame around them."""
        width = sum(segment.sizeHint().width() for segment in self._segments.values())
        return QSize(width + 2 * self.look.px(_INSET), self.look.size("control"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Segments take the keys."""
        event.ignore()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the frame, and the chip around the chosen segment."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(self.look.color("bg.sunken"))
        painter.setPen(QPen(self.look.color("border.default"), 1))
        radius = self.look.radius("control")
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        chosen = self._segments.get(self.current)
        if chosen is not None:
            painter.setBrush(self.look.color("bg.raised"))
            painter.setPen(QPen(self.look.color("border.strong"), 1))
            painter.drawRoundedRect(QRectF(chosen.geometry()).adjusted(-0.5, -0.5, 0.5, 0.5), 4.5, 4.5)

    @Slot(QAbstractButton, bool)
    def _on_toggled(self, segment: QAbstractButton, checked: bool) -> None:
        # The tab key leads to the chosen one; arrow keys go on from there.
        segment.setFocusPolicy(Qt.FocusPolicy.StrongFocus if checked else Qt.FocusPolicy.ClickFocus)
        self.update()

    @Slot(object)
    def _on_clicked(self, _segment: object) -> None:
        self.chosen.emit(self.current)
