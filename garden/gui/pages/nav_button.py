"""A link to a section of a page, in the manner of the rail."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.hover import follow_pointer


class NavButton(QAbstractButton):
    """Icon and title; tinted while its section shows.

    Args:
        theme: Where colours come from.
        title: Name of the section.
        icon: Name of an icon.
        name: objectName.
        parent: Qt parent.
    """

    def __init__(
        self, theme: ThemeController, title: str, icon: str, *, name: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._controller = theme
        self._icon_name = icon
        follow_pointer(self)
        self.setText(title)
        self.setCheckable(True)
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setProperty("focusRadius", theme.theme.radius("control"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._on_theme_changed)

    def sizeHint(self) -> QSize:
        """As high as a row of the rail."""
        theme = self._controller.theme
        return QSize(theme.px(160), theme.px(32))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw it."""
        theme = self._controller.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        current = self.isChecked()
        if current or self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("bg.selected" if current else "bg.hover"))
            radius = theme.radius("control")
            painter.drawRoundedRect(QRectF(self.rect()), radius, radius)
        side = theme.px(16)
        left = theme.px(9)
        pixmap = theme.pixmap(
            self._icon_name, "accent.base" if current else "text.secondary", 16, self.devicePixelRatioF()
        )
        painter.drawPixmap(left, round((self.height() - side) / 2), pixmap)
        painter.setFont(theme.font("body", weight=600 if current else 500))
        painter.setPen(theme.color("text.primary" if current else "text.secondary"))
        area = QRectF(left + side + theme.px(10), 0, self.width(), self.height())
        painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter), self.text())

    @Slot()
    def _on_theme_changed(self) -> None:
        self.updateGeometry()
        self.update()
