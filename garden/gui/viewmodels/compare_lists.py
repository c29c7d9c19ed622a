"""What Compare chooses from: models on this machine, kept conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from garden.core.conversation import ConversationSummary
from garden.core.errors import GardenError
from garden.core.events import ConversationsChanged, LibraryChanged
from garden.core.library_entry import LibraryEntry
from garden.gui.viewmodels.readings import read_entries

if TYPE_CHECKING:
    from garden.gui.bridge.event_pump import EventPump
    from garden.services.garden import Garden


class CompareLists(QObject):
    """Reads both lists, again whenever they change.

    Signals:
        library_changed: The models were read anew.
        conversations_changed: The conversations were read anew.
        read_failed: One of them could not be read (GardenError).

    Attributes:
        entries: Models that can be used, by name.
        conversations: Those that contain what is searched for, the newest first.
        search_text: What is searched for.
        loaded: Whether both were read once.
    """

    library_changed = Signal()
    conversations_changed = Signal()
    read_failed = Signal(object)

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._read: set[str] = set()
        self.search_text = ""
        self.entries: tuple[LibraryEntry, ...] = ()
        self.conversations: tuple[ConversationSummary, ...] = ()
        pump.on(ConversationsChanged, self._on_conversations_changed)
        pump.on(LibraryChanged, self._on_library_changed)

    @property
    def loaded(self) -> bool:
        """Whether both were read once."""
        return len(self._read) == 2

    def load(self) -> None:
        """Read both."""
        self._pump.run(lambda: read_entries(self._garden), self._on_entries, self._on_failed)
        self._read_conversations()

    def search(self, text: str) -> None:
        """List the conversations that contain these words."""
        self.search_text = text
        self._read_conversations()

    def _read_conversations(self) -> None:
        text = self.search_text

        def known(rows: tuple[ConversationSummary, ...]) -> None:
            if text == self.search_text:
                self.conversations = rows
                self._read.add("conversations")
                self.conversations_changed.emit()

        self._pump.run(lambda: self._garden.compare.conversations(text), known, self._on_failed, receiver=self)

    def _on_entries(self, entries: tuple[LibraryEntry, ...]) -> None:
        usable = [entry for entry in entries if entry.problem is None]
        self.entries = tuple(sorted(usable, key=lambda entry: (entry.ref.name.lower(), entry.ref.size_bytes)))
        self._read.add("library")
        self.library_changed.emit()

    def _on_failed(self, error: GardenError) -> None:
        self.read_failed.emit(error)

    def _on_conversations_changed(self, _event: ConversationsChanged) -> None:
        self._read_conversations()

    def _on_library_changed(self, _event: LibraryChanged) -> None:
        self._pump.run(lambda: read_entries(self._garden), self._on_entries, self._on_failed)
