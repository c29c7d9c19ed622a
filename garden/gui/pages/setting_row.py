"""Rows and groups of Settings: a title, one sentence, and the control at the right."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from garden.gui.theme.theme import ThemeController
from garden.gui.widgets.label import Label
from garden.gui.widgets.themed_widget import ThemedWidget

_WIDEST_TEXT = 420


class SettingRow(ThemedWidget):
    """One setting.

    Args:
        theme: Where colours come from.
        title: What is set.
        description: One sentence on what it does; empty for none.
        controls: Widgets at the right, in order.
        parent: Qt parent.

    Attributes:
        first: Whether it is the first of its group, so that no line stands above it.
    """

    def __init__(
        self,
        theme: ThemeController,
        title: str,
        description: str = "",
        controls: Sequence[QWidget] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, parent)
        self.first = False
        self._title = title
        self._description = Label(
            theme, description, style="small", color="text.muted", wrap=True, max_width=_WIDEST_TEXT
        )
        self._description.setVisible(bool(description))
        self._problem = Label(theme, "", style="small", color="status.danger.fg", wrap=True)
        self._problem.hide()
        texts = QVBoxLayout()
        px = theme.theme.px
        texts.setSpacing(1)
        texts.addWidget(Label(theme, title, weight=500))
        texts.addWidget(self._description)
        texts.addWidget(self._problem)
        row = QHBoxLayout(self)
        row.setContentsMargins(px(16), px(13), px(16), px(13))
        row.setSpacing(px(20))
        row.addLayout(texts, 1_000)
        right = QHBoxLayout()
        right.setSpacing(px(8))
        for control in controls:
            right.addWidget(control, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addLayout(right)
        # No highest height: it would be that of the sentences in fewer lines, in a wider window.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)

    @property
    def title(self) -> str:
        """What is set."""
        return self._title

    def set_description(self, description: str) -> None:
        """Say something else below the title."""
        self._description.setText(description)
        self._description.setVisible(bool(description))
        self._description.updateGeometry()

    def set_problem(self, problem: str) -> None:
        """Say in red what is wrong with what was entered; empty when nothing is."""
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))
        self._problem.updateGeometry()

    def matches(self, words: Sequence[str]) -> bool:
        """Whether title or sentence contain every word."""
        text = f"{self._title} {self._description.text()}".lower()
        return all(word in text for word in words)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the line to the row above."""
        if not self.first:
            QPainter(self).fillRect(QRectF(1, 0, self.width() - 2, 1), self.look.color("border.subtle"))


class SettingCard(ThemedWidget):
    """Rows that belong together, in a frame."""

    def __init__(self, theme: ThemeController, rows: Sequence[SettingRow], parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._column = column
        self.rows: list[SettingRow] = []
        for row in rows:
            self.add_row(row)

    def add_row(self, row: SettingRow) -> None:
        """Put a row below the others."""
        self.rows.append(row)
        self._column.addWidget(row)
        self.mark_first()

    def remove_row(self, row: SettingRow) -> None:
        """Take a row away."""
        self.rows.remove(row)
        self._column.removeWidget(row)
        row.deleteLater()
        self.mark_first()

    def mark_first(self) -> None:
        """The first row that shows has no line above it."""
        shown = [row for row in self.rows if not row.isHidden()]
        for row in self.rows:
            row.first = bool(shown) and row is shown[0]
            row.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the frame."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.look.color("border.default"), 1))
        painter.setBrush(self.look.color("bg.surface"))
        radius = self.look.radius("card")
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)


class SettingGroup(QWidget):
    """A heading and a card of rows.

    Args:
        theme: Where colours come from.
        title: Heading; empty for none.
        rows: The settings.
        parent: Qt parent.
    """

    def __init__(
        self, theme: ThemeController, title: str, rows: Sequence[SettingRow], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.card = SettingCard(theme, rows)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.theme.px(8))
        if title:
            column.addWidget(Label(theme, title, style="strong"))
        column.addWidget(self.card)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)

    def show_matching(self, words: Sequence[str]) -> bool:
        """Show the rows that contain every word, all without words; whether any shows."""
        any_shown = False
        for row in self.card.rows:
            shown = row.matches(words)
            row.setVisible(shown)
            any_shown = any_shown or shown
        self.card.mark_first()
        self.setVisible(any_shown)
        return any_shown
