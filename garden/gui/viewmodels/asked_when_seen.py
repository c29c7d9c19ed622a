"""What the Hub knows of the repository that is open, asked for when somebody looks, and once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QObject, Signal

from garden.core.errors import CancelledByUser, GardenError

_Found = TypeVar("_Found")

if TYPE_CHECKING:
    from garden.core.catalog import Repository
    from garden.gui.bridge.event_pump import EventPump
    from garden.jobs.handle import Handle


class AskedWhenSeen(QObject):
    """What is behind a tab that few people open.

    Args:
        pump: Brings answers to the Qt thread.
        ask: Asks for a repository.
        take: Keeps the answer; with None, forgets the one before.
        parent: Qt parent.

    Attributes:
        repository: Which one, None before anyone looked.
        problem: Why there is no answer.

    Signals:
        changed: It is asked for, came, or did not.
    """

    changed = Signal()

    def __init__(
        self,
        pump: EventPump,
        ask: Callable[[Repository], Handle[_Found]],
        take: Callable[[_Found | None], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._pump = pump
        # Of the same type, which is of no further interest here: what one gives, the other takes.
        self._ask: Callable[[Repository], Handle[Any]] = ask
        self._take: Callable[[Any], None] = take
        self._handle: Handle[Any] | None = None
        self.repository: Repository | None = None
        self.problem: GardenError | None = None

    @property
    def busy(self) -> bool:
        """Whether the answer is on its way."""
        return self._handle is not None

    def forget(self) -> None:
        """Another repository is open: nothing is asked until somebody looks."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self.repository = self.problem = None
        self._take(None)

    def read(self, repository: Repository) -> None:
        """Ask, unless the answer is here or on its way."""
        if self.repository == repository and self.problem is None:
            return
        self.forget()
        self.repository = repository
        handle = self._handle = self._ask(repository)
        self._pump.watch(
            handle,
            lambda found: self._on_found(handle, found),
            lambda error: self._on_failed(handle, error),
            receiver=self,
        )
        self.changed.emit()

    def read_again(self) -> None:
        """Ask once more after a failure."""
        if self.repository is not None:
            self.read(self.repository)

    def _on_found(self, handle: Handle[Any], found: Any) -> None:
        if handle is self._handle:
            self._handle = None
            self._take(found)
            self.changed.emit()

    def _on_failed(self, handle: Handle[Any], error: GardenError) -> None:
        if handle is self._handle and not isinstance(error, CancelledByUser):
            self._handle, self.problem = None, error
            self.changed.emit()
