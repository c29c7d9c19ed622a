"""The head of a repository's page: its name, what it is, where it comes from."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from garden.core.catalog import ModelSummary
from garden.core.quantity import format_model_size
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.wording import kind_word, license_name
from garden.gui.widgets.button import Button
from garden.gui.widgets.label import Label
from garden.gui.widgets.tag import Tag
from garden.services.model_name import display_name
from garden.services.rated_model import traits_of

_TAGS = 4


class RepositoryHead(QWidget):
    """Name, tags and where it comes from."""

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        px = theme.theme.px
        self._name = Label(theme, style="heading", elide=Qt.TextElideMode.ElideRight)
        self._name.setObjectName("repository.name")
        self._tags = [Tag(theme) for _ in range(_TAGS)]
        self._repo_id = Label(theme, style="code", color="text.muted", elide=Qt.TextElideMode.ElideMiddle)
        self._repo_id.setObjectName("repository.id")
        self._rest = Label(theme, style="small", color="text.muted", elide=Qt.TextElideMode.ElideRight)
        self.browse = Button(theme, icon="external", name="repository.browse", hint="Open its page in the browser")
        self.compare = Button(theme, "Compare", icon="compare", name="repository.compare")
        first = QHBoxLayout()
        first.setSpacing(px(8))
        first.addWidget(self._name)
        for tag in self._tags:
            first.addWidget(tag)
        first.addStretch(1)
        second = QHBoxLayout()
        second.setSpacing(px(8))
        second.addWidget(self._repo_id)
        second.addWidget(self._rest)
        second.addStretch(1)
        texts = QVBoxLayout()
        texts.setSpacing(px(3))
        texts.addLayout(first)
        texts.addLayout(second)
        row = QHBoxLayout(self)
        row.setContentsMargins(px(20), px(14), px(20), px(10))
        row.setSpacing(px(8))
        row.addLayout(texts, 1)
        row.addWidget(self.browse)
        row.addWidget(self.compare)

    def show_summary(self, summary: ModelSummary, trained_context: int | None) -> None:
        """Show a repository."""
        self._name.setText(display_name(summary.name))
        self._name.updateGeometry()
        traits = traits_of(summary)
        told = [
            format_model_size(summary.parameters, traits.active_parameters),
            kind_word(traits.kind) if traits.kind is not None else "",
            # More tags than these leave a narrow window no room for the name.
            "" if summary.gated and traits.kind is not None else summary.architecture or "",
            license_name(summary.license) if summary.license else "",
            "private" if summary.private else "needs consent" if summary.gated else "",
        ]
        shown = [text for text in told if text]
        for number, tag in enumerate(self._tags):
            tag.setVisible(number < len(shown))
            if number < len(shown):
                tag.set_text(shown[number])
        self._repo_id.setText(summary.repo_id)
        self._repo_id.updateGeometry()
        rest = []
        if summary.base_models:
            rest.append(f"made from {', '.join(summary.base_models[:2])}")
        if trained_context:
            rest.append(f"{trained_context:,} tokens")
        self._rest.setText("".join(f"·  {part}  " for part in rest))
        self._rest.updateGeometry()
