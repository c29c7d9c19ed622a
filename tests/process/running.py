"""Short ways to run a stub worker."""

from __future__ import annotations

import queue
import sys
from collections.abc import Callable

from garden.core.messages import Failed, Message, Progress
from garden.process.child import Child, Exit

#: Far beyond what anything here takes; a test that needs it has failed.
SOON = 20.0


def command(behaviour: str) -> list[str]:
    """Command line of a stub worker."""
    return [sys.executable, "-m", "tests.process.stub_worker", behaviour]


class Running:
    """A stub worker and what it said."""

    def __init__(self, behaviour: str, on_message: Callable[[Message], None] | None = None) -> None:
        self.messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.exits: queue.SimpleQueue[Exit] = queue.SimpleQueue()
        self.child: Child[Message] = Child(
            behaviour,
            Progress | Failed,
            on_message=on_message or self.messages.put,
            on_exit=self.exits.put,
            command=command(behaviour),
        )

    def next(self) -> Message:
        """The next message."""
        return self.messages.get(timeout=SOON)

    def progress(self) -> Progress:
        """The next message, which must be a progress."""
        message = self.next()
        assert isinstance(message, Progress)
        return message

    def ended(self) -> Exit:
        """How it ended."""
        return self.exits.get(timeout=SOON)
