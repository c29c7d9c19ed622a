"""The rail: the pages, and the settings below; collapsible to icons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QSizePolicy, QVBoxLayout, QWidget

from garden.core.paths import resource_path
from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.hover import follow_pointer
from garden.gui.widgets.themed_widget import Surface, ThemedWidget


@dataclass(frozen=True, slots=True)
class RailItem:
    """One page in the rail.

    Attributes:
        name: Key that ``Rail.chosen`` carries.
        title: Written beside the icon.
        icon: Name of the icon.
        shortcut: Said in the tool tip, empty for none.
        below: At the lower end, apart from the others.
    """

    name: str
    title: str
    icon: str
    shortcut: str = ""
    below: bool = False


class _Brand(ThemedWidget):
    """The program's icon and name."""

    def __init__(self, theme: ThemeController, parent: QWidget) -> None:
        super().__init__(theme, parent)
        self.collapsed = False
        self._drawing = QSvgRenderer(str(resource_path("icons/garden.svg")))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Garden")

    def sizeHint(self) -> QSize:
        """As high as a page's head, and the gap to the first page."""
        return QSize(self.look.px(60), self.look.size("header") + self.look.px(4))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw icon and name."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = self.look
        side = theme.px(22)
        height = theme.size("header")
        left = round((self.width() - side) / 2) if self.collapsed else theme.px(6)
        self._drawing.render(painter, QRectF(left, round((height - side) / 2), side, side))
        if not self.collapsed:
            painter.setFont(theme.font("strong", size=14))
            painter.setPen(theme.color("text.primary"))
            area = QRectF(left + side + theme.px(9), 0, self.width(), height)
            painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter), "Garden")


class RailButton(QAbstractButton):
    """One page: icon, title, and a badge that counts work under way."""

    def __init__(self, theme: ThemeController, item: RailItem, parent: QWidget) -> None:
        super().__init__(parent)
        self._controller = theme
        self.item = item
        self.collapsed = False
        self._badge = 0
        follow_pointer(self)
        self.setText(item.title)
        self.setCheckable(True)
        self.setObjectName(f"rail.{item.name}")
        self.setAccessibleName(item.title)
        self.setToolTip(f"{item.title}  {item.shortcut}" if item.shortcut else item.title)
        self.setProperty("focusRadius", theme.theme.radius("control"))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.toggled.connect(self._on_toggled)
        theme.changed.connect(self._on_theme_changed)

    def set_badge(self, count: int) -> None:
        """Count work under way; 0 shows nothing."""
        if count != self._badge:
            self._badge = count
            self.setAccessibleName(f"{self.item.title}, {count} under way" if count else self.item.title)
            self.update()

    def sizeHint(self) -> QSize:
        """As high as a navigation row."""
        return QSize(self._controller.theme.px(36), self._controller.theme.px(32))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = self._controller.theme
        current = self.isChecked()
        radius = theme.radius("control")
        if current:
            painter.setBrush(theme.color("bg.surface"))
            painter.setPen(QPen(theme.color("border.default"), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        elif self.underMouse():
            painter.setBrush(theme.color("bg.hover"))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawRoundedRect(QRectF(self.rect()), radius, radius)
        side = theme.px(18)
        left = round((self.width() - side) / 2) if self.collapsed else theme.px(9)
        color = "accent.base" if current else "text.secondary"
        pixmap = theme.pixmap(self.item.icon, color, 18, self.devicePixelRatioF())
        painter.drawPixmap(left, round((self.height() - side) / 2), pixmap)
        if not self.collapsed:
            painter.setFont(theme.font("body", weight=600 if current else 500))
            painter.setPen(theme.color("text.primary" if current else "text.secondary"))
            area = QRectF(left + side + theme.px(10), 0, self.width(), self.height())
            painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter), self.item.title)
        if self._badge:
            self._paint_badge(painter)

    def _paint_badge(self, painter: QPainter) -> None:
        theme = self._controller.theme
        painter.setPen(Qt.PenStyle.NoPen)
        if self.collapsed:
            painter.setBrush(theme.color("accent.base"))
            painter.drawEllipse(QRectF(self.width() - theme.px(12), theme.px(5), theme.px(6), theme.px(6)))
            return
        font = theme.font("caption", weight=600)
        text = str(self._badge)
        height = theme.px(16)
        width = max(theme.px(18), round(QFontMetricsF(font).horizontalAdvance(text)) + 2 * theme.px(5))
        area = QRectF(self.width() - theme.px(9) - width, round((self.height() - height) / 2), width, height)
        painter.setBrush(theme.color("accent.subtle"))
        painter.drawRoundedRect(area, height / 2, height / 2)
        painter.setFont(font)
        painter.setPen(theme.color("accent.subtle_text"))
        painter.drawText(area, int(Qt.AlignmentFlag.AlignCenter), text)

    @Slot(bool)
    def _on_toggled(self, _on: bool) -> None:
        self.update()

    @Slot()
    def _on_theme_changed(self) -> None:
        self.updateGeometry()
        self.update()


class Rail(Surface):
    """The pages at the left edge of the window.

    Args:
        theme: Where colours come from.
        items: The pages, top to bottom.
        parent: Qt parent.

    Signals:
        chosen: Name of the page that the user picked.
    """

    chosen = Signal(str)

    def __init__(self, theme: ThemeController, items: Sequence[RailItem], parent: QWidget | None = None) -> None:
        super().__init__(theme, "bg.rail", edges="r", parent=parent)
        self.setObjectName("rail")
        self.setAccessibleName("Pages")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self._collapsed = False
        self._brand = _Brand(theme, self)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self._buttons: dict[str, RailButton] = {}
        px = theme.theme.px
        column = QVBoxLayout(self)
        column.setContentsMargins(px(8), 0, px(8), px(8))
        column.setSpacing(px(2))
        column.addWidget(self._brand)
        for below in (False, True):
            if below:
                column.addStretch(1)
            for item in items:
                if item.below == below:
                    button = RailButton(theme, item, self)
                    self._buttons[item.name] = button
                    self._group.addButton(button)
                    column.addWidget(button)
        self._group.buttonClicked.connect(self._on_clicked)

    @property
    def collapsed(self) -> bool:
        """Whether only icons show."""
        return self._collapsed

    def set_collapsed(self, collapsed: bool) -> None:
        """Show icons alone, or icons and titles."""
        if collapsed == self._collapsed:
            return
        self._collapsed = collapsed
        self._brand.collapsed = collapsed
        for button in self._buttons.values():
            button.collapsed = collapsed
            button.update()
        self._brand.update()
        self.updateGeometry()

    def set_current(self, name: str) -> None:
        """Mark a page as the current one; a page that is not in the rail marks none."""
        button = self._buttons.get(name)
        if button is not None:
            button.setChecked(True)
            return
        checked = self._group.checkedButton()
        if checked is not None:
            self._group.setExclusive(False)
            checked.setChecked(False)
            self._group.setExclusive(True)

    def set_badge(self, name: str, count: int) -> None:
        """Count work under way beside a page."""
        self._buttons[name].set_badge(count)

    def sizeHint(self) -> QSize:
        """Wide, or collapsed."""
        return QSize(self.look.size("rail_collapsed" if self._collapsed else "rail"), self.look.px(400))

    @Slot(QAbstractButton)
    def _on_clicked(self, button: QAbstractButton) -> None:
        if isinstance(button, RailButton):
            self.chosen.emit(button.item.name)
