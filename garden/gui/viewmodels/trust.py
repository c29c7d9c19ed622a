"""What speaks for and against the repository that is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from garden.gui.viewmodels.asked_when_seen import AskedWhenSeen
from garden.services.trust_report import TrustFact, trust_facts

if TYPE_CHECKING:
    from garden.core.trust import RepositoryTrust
    from garden.gui.bridge.event_pump import EventPump
    from garden.services.garden import Garden


class TrustViewModel(AskedWhenSeen):
    """Its facts.

    Attributes:
        facts: Those that a developer has to know first; empty until they came.
    """

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(
            pump,
            lambda repository: garden.catalog.trust(repository.summary.repo_id, repository.revision),
            self._keep,
            parent,
        )
        self.facts: tuple[TrustFact, ...] = ()

    def _keep(self, found: RepositoryTrust | None) -> None:
        self.facts = () if found is None else trust_facts(found)
