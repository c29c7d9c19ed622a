"""The card of a repository: fetched once, when somebody wants to read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from garden.core.catalog import Repository
    from garden.core.errors import GardenError
    from garden.gui.bridge.event_pump import EventPump
    from garden.jobs.handle import Handle
    from garden.services.garden import Garden


class RepositoryCard(QObject):
    """What the publisher wrote.

    Attributes:
        text: Markdown, None until it came.
        problem: Why it did not.

    Signals:
        changed: It came or failed, or is being fetched.
    """

    changed = Signal()

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._handle: Handle[str] | None = None
        self.text: str | None = None
        self.problem: GardenError | None = None

    def forget(self) -> None:
        """Begin another repository."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self.text = self.problem = None

    def read(self, repository: Repository) -> None:
        """Fetch it, unless it is here or on its way."""
        if self._handle is not None or self.text is not None:
            return
        self.problem = None
        handle = self._handle = self._garden.catalog.card(repository.summary.repo_id, repository.revision)
        self._pump.watch(
            handle,
            lambda text: self._on_end(handle, text, None),
            lambda error: self._on_end(handle, None, error),
            receiver=self,
        )
        self.changed.emit()

    def _on_end(self, handle: Handle[str], text: str | None, problem: GardenError | None) -> None:
        if handle is self._handle:
            self._handle = None
            self.text, self.problem = text, problem
            self.changed.emit()
