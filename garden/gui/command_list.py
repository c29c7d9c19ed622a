"""What the palette offers for what was typed: things to do, models, comparisons, pages, a search of the Hub."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from garden.core.quantity import format_bytes
from garden.gui.page_list import PAGES
from garden.gui.viewmodels.library_table import place_word
from garden.gui.viewmodels.model_choice import places
from garden.gui.viewmodels.readings import read_entries
from garden.gui.widgets.command_palette import PaletteEntry

if TYPE_CHECKING:
    from garden.core.conversation import ConversationSummary
    from garden.core.errors import GardenError
    from garden.core.library_entry import LibraryEntry
    from garden.gui.bridge.event_pump import EventPump
    from garden.gui.navigator import Navigator
    from garden.services.garden import Garden

_MOST_MODELS = 6
_MOST_COMPARISONS = 4


@dataclass(frozen=True, slots=True)
class Command:
    """Something the window itself can do.

    Attributes:
        title: What it is.
        icon: Name of an icon.
        run: Does it.
        keys: The keys that do the same.
    """

    title: str
    icon: str
    run: Callable[[], object]
    keys: tuple[str, ...] = ()


class CommandList(QObject):
    """Collects entries from services and pages; quick, since it is asked at each key.

    What has to be read is read away from the Qt thread and offered when it is there.

    Args:
        garden: Services.
        pump: Runs the reading.
        navigator: The window.
        commands: What the window and the page in front can do now.
        search_hub: Opens Discover with words.
        open_conversation: Opens Compare with a kept comparison.
        parent: Qt parent.

    Signals:
        more_read: There is more to offer than before.
    """

    more_read = Signal()

    def __init__(
        self,
        garden: Garden,
        pump: EventPump,
        navigator: Navigator,
        commands: Callable[[], Sequence[Command]],
        search_hub: Callable[[str], None],
        open_conversation: Callable[[str], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        self._navigator = navigator
        self._commands = commands
        self._search_hub = search_hub
        self._open_conversation = open_conversation
        self._entries: tuple[LibraryEntry, ...] = ()
        self._places: dict[str, str] = {}
        self._searched = ""
        self._kept: tuple[ConversationSummary, ...] = ()

    def refresh(self) -> None:
        """Read the library once when the palette opens, not at each key."""
        self._pump.run(lambda: read_entries(self._garden), self._on_entries, _ignore, receiver=self, ahead=True)

    def _on_entries(self, entries: tuple[LibraryEntry, ...]) -> None:
        if entries != self._entries:
            self._entries = entries
            self._places = places(entries)
            self.more_read.emit()

    def entries(self, text: str) -> Sequence[PaletteEntry]:
        """Everything that contains each word, best first within each section."""
        words = text.lower().split()
        found = [*self._actions(words), *self._models(words)]
        if words:
            found += self._comparisons(text)
        found += self._pages(words)
        if text:
            found.append(
                PaletteEntry(
                    section="Go to",
                    title=f"Search the Hub for “{text}”",
                    icon="discover",
                    run=lambda: self._search_hub(text),
                )
            )
        return found

    def _actions(self, words: Sequence[str]) -> list[PaletteEntry]:
        found: list[PaletteEntry] = []
        if words:
            for entry in self._entries:
                if entry.problem is None:
                    found += self._actions_of(entry, words)
        found += [
            PaletteEntry(
                section="Actions",
                title=command.title,
                icon=command.icon,
                run=functools.partial(_do, command),
                keys=command.keys,
            )
            for command in self._commands()
            if _matches(command.title, words)
        ]
        return found[:_MOST_MODELS] if words else found

    def _actions_of(self, entry: LibraryEntry, words: Sequence[str]) -> list[PaletteEntry]:
        name = entry.ref.name
        kind = entry.ref.quant_type or ""
        size = format_bytes(entry.ref.size_bytes)
        hint = ", ".join(filter(None, (kind, size, self._places.get(entry.ref.path or ""))))
        offered = (
            (f"Quantize {name}…", "workshop", lambda: self._navigator.quantize(entry)),
            (f"Chat with {name}", "compare", lambda: self._navigator.compare((entry,))),
            (f"Export {name}…", "export", lambda: self._navigator.export(entry)),
        )
        # An action is meant when its verb was typed; a name alone is looked for under Library.
        return [
            PaletteEntry(section="Actions", title=title, hint=hint, icon=icon, run=run)
            for title, icon, run in offered
            if _matches(f"{title} {kind}", words) and any(word in title.lower().split()[0] for word in words)
        ]

    def _models(self, words: Sequence[str]) -> list[PaletteEntry]:
        found = []
        for entry in self._entries:
            ref = entry.ref
            told = f"{ref.name} {ref.quant_type or ''} {ref.repo_id or ''}"
            if not words or not _matches(told, words):
                continue
            place = self._places.get(ref.path or "") or place_word(entry.origin)
            hint = f"{ref.quant_type} · {place}" if ref.quant_type else place
            found.append(
                PaletteEntry(
                    section="Library",
                    title=ref.name,
                    hint=hint,
                    icon="library",
                    run=functools.partial(self._navigator.show_model, ref.path or ""),
                )
            )
        return found[:_MOST_MODELS]

    def _comparisons(self, text: str) -> list[PaletteEntry]:
        if text != self._searched:
            self._searched, self._kept = text, ()
            self._pump.run(
                lambda: self._garden.compare.conversations(text),
                lambda kept: self._on_searched(text, kept),
                _ignore,
                receiver=self,
                ahead=True,
            )
        return [
            PaletteEntry(
                section="Comparisons",
                title=summary.title,
                hint=", ".join(summary.models),
                icon="compare",
                run=functools.partial(self._open_conversation, summary.id),
            )
            for summary in self._kept[:_MOST_COMPARISONS]
        ]

    def _on_searched(self, text: str, kept: tuple[ConversationSummary, ...]) -> None:
        if text == self._searched and kept:
            self._kept = kept
            self.more_read.emit()

    def _pages(self, words: Sequence[str]) -> list[PaletteEntry]:
        return [
            PaletteEntry(
                section="Go to",
                title=page.title,
                icon=page.icon,
                keys=tuple(page.shortcut.split("+")) if page.shortcut else (),
                run=functools.partial(self._navigator.show_page, page.name),
            )
            for page in PAGES
            if _matches(page.title, words)
        ]


def _matches(text: str, words: Sequence[str]) -> bool:
    lowered = text.lower()
    return all(word in lowered for word in words)


def _ignore(_error: GardenError) -> None:
    """What cannot be read is not offered; its own page says why."""


def _do(command: Command) -> None:
    command.run()
