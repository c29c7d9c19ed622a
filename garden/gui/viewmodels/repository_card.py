"""The card of a repository: fetched once, when somebody wants to read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from garden.gui.viewmodels.asked_when_seen import AskedWhenSeen

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.services.garden import Garden


class RepositoryCard(AskedWhenSeen):
    """What the publisher wrote.

    Attributes:
        text: Markdown, None until it came.
    """

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(
            pump,
            lambda repository: garden.catalog.card(repository.summary.repo_id, repository.revision),
            self._keep,
            parent,
        )
        self.text: str | None = None

    def _keep(self, found: str | None) -> None:
        self.text = found
