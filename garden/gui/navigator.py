"""What a page may ask of the window around it, and what the window expects of a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from garden.core.library_entry import LibraryEntry
    from garden.core.run_configuration import LoadParameters

#: Names of the pages in the order of the rail; Ctrl+1…6 open the first six, Ctrl+comma the settings.
PAGE_NAMES = ("discover", "library", "workshop", "compare", "machine", "activity", "settings", "welcome")


class Navigator(Protocol):
    """The window, as pages see it. No page knows another one."""

    def show_page(self, name: str) -> None:
        """Bring a page of PAGE_NAMES to the front; ``settings.hub`` shows that section of it."""

    def compare(self, entries: Sequence[LibraryEntry], loads: Mapping[str, LoadParameters] | None = None) -> None:
        """Open Compare with one pane per model.

        Args:
            entries: The models.
            loads: How those at some paths are loaded, to the last field; the others as this machine would by itself.
        """

    def quantize(self, entry: LibraryEntry) -> None:
        """Open Workshop with this model as the source."""

    def export(self, entry: LibraryEntry) -> None:
        """Open the export of this model's configuration."""

    def show_model(self, path: str) -> None:
        """Open Library with the model that lies there chosen."""

    def model_at_hand(self) -> str | None:
        """Where the model lies that is chosen in Library, None with none or several."""

    def open_repository(self, repo_id: str) -> None:
        """Open a repository of the Hub in Discover."""

    def notify(self, sentence: str, action: str = "") -> None:
        """Say one sentence at the foot of the window, with what can be done about it."""

    def plan_memory(self, ram_bytes: int, gpu_bytes: int) -> None:
        """Show in every memory meter what the model at hand would take; zeros clear it."""


@runtime_checkable
class AcceptsModels(Protocol):
    """A page that can be opened with models: Compare takes several, Workshop the first as its source."""

    def open_entries(self, entries: Sequence[LibraryEntry]) -> None:
        """Show these models."""


@runtime_checkable
class ComparesModels(Protocol):
    """Compare: it can be opened with models that are loaded in a way that was chosen."""

    def compare_models(self, entries: Sequence[LibraryEntry], loads: Mapping[str, LoadParameters]) -> None:
        """Show these models; ``loads`` by path."""


@runtime_checkable
class OpensConversations(Protocol):
    """Compare: it can be opened with a kept comparison."""

    def open_conversation(self, conversation_id: str) -> None:
        """Show it."""


@runtime_checkable
class HasSearch(Protocol):
    """A page with a field that Ctrl+F leads to."""

    def focus_search(self) -> None:
        """Put the cursor into the field."""


@runtime_checkable
class HasSections(Protocol):
    """A page of sections, of which one shows: the settings."""

    def show_section(self, key: str) -> None:
        """Show one."""


@runtime_checkable
class OffersCommands(Protocol):
    """A page that adds what it can do now to the palette."""

    def commands(self) -> Sequence[tuple[str, str, Callable[[], None]]]:
        """Title, key and what to call, for each command; the key is empty when there is none."""
