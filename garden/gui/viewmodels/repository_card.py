"""The card of a repository: fetched once, when somebody wants to read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from garden.gui.viewmodels.asked_when_seen import AskedWhenSeen

if TYPE_CHECKING:
    from garden.core.catalog import Repository
    from garden.gui.bridge.event_pump import EventPump
    from garden.jobs.handle import Handle
    from garden.services.garden import Garden


class RepositoryCard(AskedWhenSeen):
    """What the publisher wrote.

    Attributes:
        text: Markdown, None until it came.
    """

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(pump, parent)
        self._garden = garden
        self.text: str | None = None

    def _ask(self, repository: Repository) -> Handle[Any]:
        return self._garden.catalog.card(repository.summary.repo_id, repository.revision)

    def _take(self, found: Any) -> None:
        self.text = found
