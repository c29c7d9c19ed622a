"""Trust: what a developer has to know of a repository before using it, one fact a row."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from garden.gui.pages.asked_view import AskedView
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.trust import TrustViewModel
from garden.gui.widgets.label import Label
from garden.gui.widgets.themed_widget import ThemedWidget
from garden.services.trust_report import TrustFact, Weight

_ICONS = {
    Weight.GOOD: ("check", "status.success.fg"),
    Weight.NOTE: ("info", "text.muted"),
    Weight.WARNING: ("shield-alert", "status.warning.fg"),
}
_WORDS = {Weight.GOOD: "good", Weight.NOTE: "to know", Weight.WARNING: "take care"}

_ICON = 16
_WIDEST_TEXT = 620


class TrustView(AskedView):
    """Shows what TrustViewModel holds.

    Args:
        view_model: Holds the facts.
        theme: Where colours come from.
        parent: Qt parent.
    """

    def __init__(self, view_model: TrustViewModel, theme: ThemeController, parent: QWidget | None = None) -> None:
        self._view_model = view_model
        self._theme = theme
        self._rows: list[_FactRow] = []
        content = QWidget()
        content.setObjectName("scrolled")
        px = theme.theme.px
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(px(20), px(14), px(20), px(14))
        self._column.setSpacing(px(14))
        self._column.addStretch(1)
        self._area = QScrollArea()
        self._area.setObjectName("repository.trust")
        self._area.setAccessibleName("Trust")
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QScrollArea.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(content)
        super().__init__(
            view_model, theme, name="repository.trust.state", content=self._area, show=self._show_facts, parent=parent
        )

    def _show_facts(self) -> None:
        facts = self._view_model.facts
        while len(self._rows) < len(facts):
            row = _FactRow(self._theme)
            self._column.insertWidget(len(self._rows), row)
            self._rows.append(row)
        for number, row in enumerate(self._rows):
            row.setVisible(number < len(facts))
            if number < len(facts):
                row.show_fact(facts[number])
        self._area.verticalScrollBar().setValue(0)


class _FactRow(QWidget):
    """A mark, what it is about, the fact, and what follows from it."""

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        px = theme.theme.px
        self._mark = _Mark(theme)
        self._subject = Label(theme, style="small", color="text.muted")
        self._headline = Label(theme, weight=500, wrap=True, max_width=_WIDEST_TEXT)
        self._sentence = Label(theme, style="small", color="text.secondary", wrap=True, max_width=_WIDEST_TEXT)
        texts = QVBoxLayout()
        texts.setSpacing(px(1))
        for label in (self._subject, self._headline, self._sentence):
            texts.addWidget(label)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(px(12))
        row.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(texts, 1)

    def show_fact(self, fact: TrustFact) -> None:
        """Show another fact."""
        self._mark.show_icon(*_ICONS[fact.weight])
        self._subject.setText(fact.subject)
        self._headline.setText(fact.headline)
        self._sentence.setText(fact.sentence)
        self._sentence.setVisible(bool(fact.sentence))
        spoken = f"{fact.subject}, {_WORDS[fact.weight]}: {fact.headline}. {fact.sentence}"
        self._headline.setAccessibleName(spoken.strip())


class _Mark(ThemedWidget):
    """A small icon that says how a fact weighs; the words say it too."""

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._icon = _ICONS[Weight.NOTE]
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """The icon and what lets it stand beside the first line."""
        return QSize(self.look.px(_ICON), self.look.px(_ICON + 2))

    def show_icon(self, name: str, color: str) -> None:
        """Show another icon."""
        self._icon = (name, color)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw it."""
        side = self.look.px(_ICON)
        pixmap = self.look.pixmap(self._icon[0], self._icon[1], _ICON, self.devicePixelRatioF())
        QPainter(self).drawPixmap(QRectF(0, self.look.px(2), side, side), pixmap, QRectF(pixmap.rect()))
