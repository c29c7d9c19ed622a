"""The order of a list, as words in its head that open a menu."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QMenu, QSizePolicy, QWidget

from garden.gui.theme.theme import ThemeController

_LABEL = "Sort"


class SortMenu(QAbstractButton):
    """``Sort  Trending ⌄``.

    Args:
        theme: Where colours come from.
        choices: Title and key of each order.
        name: objectName.
        parent: Qt parent.

    Signals:
        chosen: Key of the order that the user picked.
    """

    chosen = Signal(str)

    def __init__(
        self, theme: ThemeController, choices: Sequence[tuple[str, str]], *, name: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._controller = theme
        self._choices = tuple(choices)
        self._current = choices[0][1]
        self.setObjectName(name)
        self.setProperty("focusRadius", theme.theme.radius("badge"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.clicked.connect(self._on_clicked)
        theme.changed.connect(self._on_theme_changed)
        self.show_sort(self._current)

    @property
    def _title(self) -> str:
        return next(title for title, key in self._choices if key == self._current)

    def show_sort(self, key: str) -> None:
        """Show an order, without telling anyone."""
        self._current = key
        self.setAccessibleName(f"{_LABEL}: {self._title}")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Both words and the mark."""
        theme = self._controller.theme
        width = QFontMetricsF(theme.font("caption")).horizontalAdvance(_LABEL + self._title)
        return QSize(math.ceil(width) + theme.px(8 + 4 + 12 + 8), theme.px(24))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the words and the mark."""
        theme = self._controller.theme
        painter = QPainter(self)
        font = theme.font("caption")
        metrics = QFontMetricsF(font)
        painter.setFont(font)
        centre = int(Qt.AlignmentFlag.AlignVCenter)
        left = float(theme.px(4))
        for text, color in ((_LABEL, "text.muted"), (self._title, "text.primary")):
            painter.setPen(theme.color(color))
            width = metrics.horizontalAdvance(text)
            painter.drawText(QRectF(left, 0, width + 2, self.height()), centre, text)
            left += width + theme.px(8 if text == _LABEL else 4)
        side = theme.px(12)
        pixmap = theme.pixmap("chevron-down", "text.secondary", 12, self.devicePixelRatioF())
        painter.drawPixmap(round(left), round((self.height() - side) / 2), pixmap)

    @Slot()
    def _on_clicked(self) -> None:
        menu = QMenu(self)
        menu.setFont(self._controller.theme.font("body", size=12.5))
        for title, key in self._choices:
            action = menu.addAction(title)
            action.setCheckable(True)
            action.setChecked(key == self._current)
            action.triggered.connect(lambda _checked=False, chosen=key: self.chosen.emit(chosen))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.mapToGlobal(self.rect().bottomLeft()))

    @Slot()
    def _on_theme_changed(self) -> None:
        self.updateGeometry()
        self.update()
