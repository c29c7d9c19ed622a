"""How models are to be loaded: one choice behind the slider, the cache types and the advanced view of a page."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Signal

from garden.core.load_choice import SHORTEST_CONTEXT, LoadChoice

#: What depends on one model's own blocks, so that it is not carried over to another.
_OF_ONE_MODEL = ("context_length", "n_gpu_layers", "cpu_experts")


def of_any_model(choice: LoadChoice) -> LoadChoice:
    """What of a choice holds for another model as well; a context does, since it is cut to what a model can."""
    return choice.with_values(n_gpu_layers=None, cpu_experts=None)


class LoadOptions(QObject):
    """The choice of a page.

    Signals:
        changed: Something else is chosen now.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._choice = LoadChoice()

    @property
    def choice(self) -> LoadChoice:
        """What is chosen."""
        return self._choice

    def choose(self, **values: Any) -> None:
        """Choose some fields of LoadChoice; None leaves one open again."""
        choice = self._choice.with_values(**values)
        if choice != self._choice:
            self._choice = choice
            self.changed.emit()

    def choose_context(self, tokens: int) -> None:
        """Choose a context; what a model was not trained for is cut when it is applied."""
        self.choose(context_length=max(tokens, SHORTEST_CONTEXT))

    def choose_kv_type(self, kv_type: str) -> None:
        """Choose one type for K and V."""
        self.choose(type_k=kv_type, type_v=kv_type)

    def reset(self) -> None:
        """Choose nothing: everything is found, or the machine's own."""
        self.show(LoadChoice())

    def show(self, choice: LoadChoice) -> None:
        """Take over a whole choice."""
        if choice != self._choice:
            self._choice = choice
            self.changed.emit()

    def begin_another(self) -> None:
        """Forget, without telling anyone, what was chosen for one model alone."""
        self._choice = self._choice.with_values(**dict.fromkeys(_OF_ONE_MODEL))
