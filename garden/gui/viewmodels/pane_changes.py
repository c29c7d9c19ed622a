"""Changes to the panes of a conversation, from what each pane is when the change's turn comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from garden.core.conversation import Conversation
from garden.core.errors import RefusedError
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
        letters: Of all the panes that there can be.
    """

    def __init__(
        self, garden: Garden, changes: ChangeQueue, take: Callable[[Conversation], None], letters: str
    ) -> None:
        self._garden = garden
        self._changes = changes
        self._take = take
        self._letters = letters

    def place(self, conversation_id: str, letter: str, entry: LibraryEntry, like: RunConfiguration) -> None:
        """Put a model into a pane, asked as another configuration is."""

        def work() -> Conversation:
            run = asked_like(self._garden.compare.configuration_for(entry), like)
            return self._garden.compare.set_pane(conversation_id, letter, run)

        self._changes.put(work, self._take)

    def add(self, conversation_id: str, make: Callable[[Conversation], RunConfiguration]) -> None:
        """Add a pane; ``make`` gets the conversation as earlier changes left it."""
        self._changes.put(lambda: self.added(conversation_id, make), self._take)

    def added(self, conversation_id: str, make: Callable[[Conversation], RunConfiguration]) -> Conversation:
        """Add a pane now, at the first letter that is free; for a change whose turn has come.

        Raises:
            RefusedError: There are as many panes as there can be.
        """
        now = self._garden.compare.open(conversation_id)
        taken = dict(now.panes)
        letter = next((letter for letter in self._letters if letter not in taken), None)
        if letter is None:
            raise RefusedError(f"Compare takes {len(self._letters)} models.", "Remove a pane first.")
        return self._garden.compare.set_pane(conversation_id, letter, make(now))

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
