"""Changes to the panes of a conversation, from what each pane is when the change's turn comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from garden.core.conversation import Conversation
from garden.core.library_entry import LibraryEntry
from garden.core.run_configuration import RunConfiguration
from garden.gui.viewmodels.change_queue import ChangeQueue
from garden.gui.viewmodels.run_settings import asked_like

if TYPE_CHECKING:
    from garden.services.garden import Garden


class PaneChanges:
    """Queues what the user changes about panes.

    Args:
        garden: Services.
        changes: Where changes wait for their turn.
        take: Called on the Qt thread with the conversation as it is after a change.
    """

    def __init__(self, garden: Garden, changes: ChangeQueue, take: Callable[[Conversation], None]) -> None:
        self._garden = garden
        self._changes = changes
        self._take = take

    def place(self, conversation_id: str, letter: str, entry: LibraryEntry, like: RunConfiguration) -> None:
        """Put a model into a pane, asked as another configuration is."""

        def work() -> Conversation:
            run = asked_like(self._garden.compare.configuration_for(entry), like)
            return self._garden.compare.set_pane(conversation_id, letter, run)

        self._changes.put(work, self._take)

    def rewrite(
        self,
        conversation_id: str,
        letter: str,
        change: Callable[[RunConfiguration, RunConfiguration], RunConfiguration],
    ) -> None:
        """Change a pane's configuration; ``change`` gets it and the first pane's, as earlier changes left them."""

        def work() -> Conversation:
            now = self._garden.compare.open(conversation_id)
            old = dict(now.panes)[letter]
            new = change(old, now.panes[0][1])
            return now if new == old else self._garden.compare.set_pane(conversation_id, letter, new)

        self._changes.put(work, self._take)

    def set(self, conversation_id: str, letter: str, run: RunConfiguration | None) -> None:
        """Give a pane this configuration, or (None) take it away."""
        self._changes.put(lambda: self._garden.compare.set_pane(conversation_id, letter, run), self._take)
