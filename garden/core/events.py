"""Facts that services announce, and the bus that carries them to each front end.

State is written first, then the event is published; a consumer only displays. Every front end subscribes a queue of
its own. An event that a newer one of the same key makes redundant is merged into it, so a queue that nobody drains
holds at most one event per pane, job and kind: it is bounded by what exists, not by how long nobody looked.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    # For annotations alone: whoever opens a window or prints help needs the bus before any of these.
    from garden.core.conversation import Answer
    from garden.core.hardware_snapshot import HardwareSnapshot
    from garden.core.imagined_machine import ImaginedMachine
    from garden.core.job_record import JobRecord

#: Where a pane stands in a turn: waiting for its turn, loading its model, reading the prompt, writing, at its end.
PaneStage = Literal["queued", "loading", "reading", "answering", "done", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChanged:
    """A job was queued, moved on or ended."""

    job: JobRecord

    @property
    def key(self) -> Hashable:
        """One pending event per job."""
        return ("job", self.job.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryChanged:
    """The list of models on this machine changed; ask the library for it."""

    @property
    def key(self) -> Hashable:
        """One pending event."""
        return "library"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineRead:
    """A new reading of the machine."""

    snapshot: HardwareSnapshot

    @property
    def key(self) -> Hashable:
        """One pending event."""
        return "machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsChanged:
    """Settings were saved; ask for them."""

    @property
    def key(self) -> Hashable:
        """One pending event."""
        return "settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class FitDecided:
    """The engine decided a verdict that a forecast left open; forecast again."""

    @property
    def key(self) -> Hashable:
        """One pending event."""
        return "fit"


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfChanged:
    """Verdicts are for another machine from now on, or for this one again; or the list of other machines changed.

    Attributes:
        machine: The other one; None for this one.
    """

    machine: ImaginedMachine | None

    @property
    def key(self) -> Hashable:
        """One pending event."""
        return "what-if"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationsChanged:
    """The list of conversations changed; ask for it."""

    @property
    def key(self) -> Hashable:
        """One pending event."""
        return "conversations"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesMoved:
    """Files of models lie elsewhere now; conversations that were begun or opened name them there."""

    @property
    def key(self) -> Hashable:
        """One pending event."""
        return "moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedsChanged:
    """More is known of how fast models run here; forecast again."""

    @property
    def key(self) -> Hashable:
        """One pending event."""
        return "speeds"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaneText:
    """A pane's answer grew by ``text``; pending pieces are joined."""

    conversation_id: str
    turn: int
    pane: str
    text: str
    tokens: int

    @property
    def key(self) -> Hashable:
        """One pending event per pane and turn."""
        return ("text", self.conversation_id, self.turn, self.pane)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaneChanged:
    """A pane moved on.

    Attributes:
        conversation_id: Whose pane.
        turn: Index of the turn.
        pane: Letter.
        state: Where it stands now.
        fraction: How far loading or reading is, None when unknown.
        answer: The answer so far with its figures; its text is complete in ``done`` and ``failed`` only.
    """

    conversation_id: str
    turn: int
    pane: str
    state: PaneStage
    fraction: float | None = None
    answer: Answer | None = None

    @property
    def key(self) -> Hashable:
        """One pending event per pane, turn and state, so that no state is skipped."""
        return ("pane", self.conversation_id, self.turn, self.pane, self.state)


Event = (
    JobChanged
    | LibraryChanged
    | MachineRead
    | SettingsChanged
    | FitDecided
    | WhatIfChanged
    | SpeedsChanged
    | ConversationsChanged
    | FilesMoved
    | PaneText
    | PaneChanged
)


class Subscription:
    """One front end's queue of pending events.

    Args:
        on_pending: Called on the publishing thread when the queue turns from empty to not empty; must not block.
    """

    def __init__(self, on_pending: Callable[[], None] | None = None) -> None:
        self._pending: dict[Hashable, Event] = {}
        self._changed = threading.Condition()
        self._on_pending = on_pending

    def put(self, event: Event) -> None:
        """Queue an event, merged into a pending one of the same key."""
        with self._changed:
            was_empty = not self._pending
            older = self._pending.get(event.key)
            if isinstance(older, PaneText) and isinstance(event, PaneText):
                event = dataclasses.replace(event, text=older.text + event.text, tokens=older.tokens + event.tokens)
            self._pending[event.key] = event
            self._changed.notify_all()
        if was_empty and self._on_pending:
            self._on_pending()

    def drain(self) -> list[Event]:
        """Take all pending events, the oldest first."""
        with self._changed:
            events = list(self._pending.values())
            self._pending.clear()
        return events

    def wait(self, timeout: float | None = None) -> list[Event]:
        """Block until something is pending (or ``timeout`` seconds passed), then drain."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._pending), timeout)
        return self.drain()


class EventBus:
    """Carries every published event to every subscription. Safe to use from any thread."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []
        self._lock = threading.Lock()

    def subscribe(self, on_pending: Callable[[], None] | None = None) -> Subscription:
        """A new queue; hand it to ``unsubscribe`` when done."""
        subscription = Subscription(on_pending)
        with self._lock:
            self._subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Stop carrying events to this queue."""
        with self._lock:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)

    def publish(self, event: Event) -> None:
        """Put the event into every queue."""
        with self._lock:
            subscriptions = tuple(self._subscriptions)
        for subscription in subscriptions:
            subscription.put(event)
