"""Which conversations are being answered, and how each of their panes is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from garden.core.errors import RefusedError


class PanesAtWork:
    """Conversations that were asked and have not answered yet. Safe to use from any thread."""

    def __init__(self) -> None:
        self._stops: dict[str, dict[str, threading.Event]] = {}
        self._lock = threading.Lock()

    def __contains__(self, conversation_id: str) -> bool:
        """Whether any pane of it is at work."""
        return conversation_id in self._stops

    def conversations(self) -> tuple[str, ...]:
        """All of them."""
        with self._lock:
            return tuple(self._stops)

    def reserve(self, conversation_id: str, letters: Iterable[str]) -> None:
        """Let nobody else ask it; these panes may be stopped from now on.

        Raises:
            RefusedError: It is being answered already.
        """
        with self._lock:
            if conversation_id in self._stops:
                raise RefusedError("The panes are still answering.", "Wait for them, or stop them first.")
            self._stops[conversation_id] = {letter: threading.Event() for letter in letters}

    def free(self, conversation_id: str) -> None:
        """Let it be asked again."""
        with self._lock:
            self._stops.pop(conversation_id, None)

    def stop(self, conversation_id: str, letter: str) -> None:
        """Note that a pane shall stop; harmless when it is not at work."""
        with self._lock:
            stop = self._stops.get(conversation_id, {}).get(letter)
        if stop is not None:
            stop.set()

    def stopped(self, conversation_id: str, letter: str) -> threading.Event:
        """Set as soon as this pane of a reserved conversation shall stop."""
        with self._lock:
            return self._stops[conversation_id][letter]
