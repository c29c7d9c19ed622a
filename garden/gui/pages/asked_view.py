"""One tab's answer: that it is on its way, what it says, or why there is none."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QStackedWidget, QWidget

from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.asked_when_seen import AskedWhenSeen
from garden.gui.widgets.skeleton import Skeleton
from garden.gui.widgets.state_view import StateView


class AskedView(QStackedWidget):
    """Shows what AskedWhenSeen holds.

    Args:
        asked: Holds it.
        theme: Where colours come from.
        name: objectName of what stands in place of an answer.
        content: What shows an answer.
        show: Lets it show the answer that is there; returns what to say instead where that is empty, a title and a
            sentence.
        parent: Qt parent.
    """

    def __init__(
        self,
        asked: AskedWhenSeen,
        theme: ThemeController,
        *,
        name: str,
        content: QWidget,
        show: Callable[[], tuple[str, str] | None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._asked = asked
        self._content = content
        self._show_answer = show
        self._loading = Skeleton(theme, 46)
        self._state = StateView(theme, name=name)
        for page in (self._loading, content, self._state):
            self.addWidget(page)
        asked.changed.connect(self._on_changed)

    @Slot()
    def _on_changed(self) -> None:
        asked = self._asked
        if asked.problem is not None:
            self._state.show_error(asked.problem, asked.read_again)
            self.setCurrentWidget(self._state)
        elif asked.busy:
            self.setCurrentWidget(self._loading)
        elif (nothing := self._show_answer()) is not None:
            self._state.show_state("info", *nothing)
            self.setCurrentWidget(self._state)
        else:
            self.setCurrentWidget(self._content)
