"""Files and folders that were given to the library at once: what became of them, in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from garden.core.errors import GardenError, RefusedError
from garden.gui.dropping import may_hold_models
from garden.gui.viewmodels.wording import about

if TYPE_CHECKING:
    from collections.abc import Sequence

    from garden.core.library_entry import LibraryEntry
    from garden.services.library import LibraryService


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """What became of them.

    Attributes:
        models: Names of the models whose files were taken.
        paths: Where those files lie.
        folders: Names of the folders that were taken.
        failures: File or folder, and why it was not taken.
    """

    models: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    failures: tuple[tuple[str, GardenError], ...] = ()

    @property
    def sentence(self) -> str:
        """What to say of it; what was not taken is named."""
        names = [name for name, _error in self.failures]
        told = self._taken()
        if not names:
            return told
        if len(names) > 1:
            listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            refused = f"{len(names)} of {len(names) + len(self.models) + len(self.folders)} were not added: {listed}."
            return refused if told else f"None was added: {listed}."
        why = about(names[0], self.failures[0][1].sentence)
        return f"{told} {why}" if told else why

    @property
    def action(self) -> str:
        """What helps; with several failures, the reason of the first one."""
        if not self.failures:
            return ""
        name, error = self.failures[0]
        return error.action if len(self.failures) == 1 else about(name, error.sentence)

    def _taken(self) -> str:
        count = len(self.models) + len(self.folders)
        if count > 1:
            kinds = [_counted(len(self.models), "file"), _counted(len(self.folders), "folder")]
            return f"{' and '.join(kind for kind in kinds if kind)} were added; they are used in place."
        if self.models:
            return f"{self.models[0]} was added; it is used where it lies."
        return f"{self.folders[0]} was added; its models are used in place." if self.folders else ""


def add(library: LibraryService, paths: Sequence[Path]) -> Addition:
    """Take files and folders into the library; blocks until the disk was read. One that fails holds up no other."""
    entries: list[LibraryEntry] = []
    folders: list[str] = []
    failures: list[tuple[str, GardenError]] = []
    for path in paths:
        try:
            if path.is_dir():
                library.add_folder(path).result()
                folders.append(path.name)
            elif may_hold_models(path):
                entries.append(library.add_file(path))
            else:
                raise RefusedError("This is not a GGUF file.", "Garden takes files that end in .gguf, and folders.")
        except GardenError as error:
            failures.append((path.name, error))
    # A file that is listed under another name (a link to a blob, say) is not to be looked for.
    listed = {entry.ref.path for entry in library.entries()}
    return Addition(
        models=tuple(entry.ref.name for entry in entries),
        paths=tuple(entry.ref.path for entry in entries if entry.ref.path is not None and entry.ref.path in listed),
        folders=tuple(folders),
        failures=tuple(failures),
    )


def _counted(count: int, noun: str) -> str:
    return "" if count == 0 else f"{count} {noun}" if count == 1 else f"{count} {noun}s"
