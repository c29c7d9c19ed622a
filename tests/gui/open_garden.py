"""A real Garden with real children for tests of pages, and the few words to talk to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from garden.core.library_entry import LibraryEntry
from garden.core.run_configuration import RunConfiguration
from garden.gui.bridge.event_pump import EventPump
from garden.services.garden import Garden

#: Greedy answers of the small models do not end by themselves; this many tokens take them about a second.
LONG = 1_900


@dataclass
class OpenGarden:
    """Services and the pump that brings their answers."""

    garden: Garden
    pump: EventPump

    def entry(self, path: Path) -> LibraryEntry:
        return self.garden.library.add_file(path)


@dataclass
class Window:
    """What a page asks of the window, noted."""

    pages: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    at_hand: str | None = None

    def show_page(self, name: str) -> None:
        self.pages.append(name)

    def compare(self, entries: object, loads: object = None) -> None: ...

    def quantize(self, entry: object) -> None: ...

    def export(self, entry: object) -> None: ...

    def show_model(self, path: str) -> None: ...

    def model_at_hand(self) -> str | None:
        return self.at_hand

    def open_repository(self, repo_id: str) -> None: ...

    def notify(self, sentence: str, action: str = "") -> None:
        self.said.append(f"{sentence} {action}".strip())

    def plan_memory(self, ram_bytes: int, gpu_bytes: int) -> None: ...


@contextlib.contextmanager
def open_garden(*, work_offline: bool = True) -> Iterator[OpenGarden]:
    """Opened without a connection, unless a test has a Hub of its own; everything is closed at the end."""
    with Garden.open(work_offline=work_offline) as garden:
        pump = EventPump(garden.bus)
        try:
            yield OpenGarden(garden, pump)
        finally:
            pump.close()


def greedy(run: RunConfiguration, max_tokens: int) -> RunConfiguration:
    """Answers alike each time, and as long as told."""
    from garden.gui.viewmodels.run_settings import with_setting

    return with_setting(with_setting(run, "temperature", 0), "max_tokens", max_tokens)
