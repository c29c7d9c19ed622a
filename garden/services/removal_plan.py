"""What removing a model would do, counted before anything is touched; said alike wherever it is said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from garden.core.library_entry import PROGRAM_NAMES, LibraryEntry, OtherProgram
from garden.core.quantity import format_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalPlan:
    """One removal.

    Attributes:
        entry: The model.
        owner: The other program whose file it is; then nothing is removed.
        paths: What goes: the model's files (of the Hub cache: the names by which they are found).
        now_bytes: Free right away.
        bin_bytes: Free once the system's bin is emptied.
        kept_bytes: Stay on the disk, because something else holds the same bytes: a hard link, what a link leads to, or
            another repository.
    """

    entry: LibraryEntry
    owner: OtherProgram | None = None
    paths: tuple[Path, ...] = ()
    now_bytes: int = 0
    bin_bytes: int = 0
    kept_bytes: int = 0

    @property
    def frees_bytes(self) -> int:
        """What the disk has more in the end."""
        return self.now_bytes + self.bin_bytes

    @property
    def sentence(self) -> str:
        """What will happen."""
        if self.owner is not None:
            return f"It belongs to {PROGRAM_NAMES[self.owner]}, and stays."
        kept = f"{format_bytes(self.kept_bytes)} stay: something else here holds the same bytes."
        if not self.frees_bytes:
            return kept if self.kept_bytes else "Nothing is left of it on the disk."
        if self.bin_bytes:
            told = f"It goes to the bin; {format_bytes(self.bin_bytes)} are free once that is emptied"
            told += f", {format_bytes(self.now_bytes)} at once." if self.now_bytes else "."
        else:
            told = f"It is removed for good; {format_bytes(self.now_bytes)} are free at once."
        return f"{told} {kept}" if self.kept_bytes else told

    @property
    def done_sentence(self) -> str:
        """What has happened."""
        told = f"{self.entry.ref.name} was removed"
        parts = []
        if self.bin_bytes:
            parts.append(f"{format_bytes(self.bin_bytes)} lie in the bin")
        if self.now_bytes:
            parts.append(f"{format_bytes(self.now_bytes)} are free again")
        if self.kept_bytes:
            parts.append(f"{format_bytes(self.kept_bytes)} stay, held by something else")
        return f"{told}; {', '.join(parts)}." if parts else f"{told}."

    @property
    def owner_action(self) -> str:
        """How the program whose file it is removes it."""
        match self.owner:
            case "ollama":
                return f"Remove it there: {' and '.join(f'ollama rm {name}' for name in self._names)}"
            case "lm_studio":
                return "Remove it in LM Studio, under My Models."
            case "jan":
                return "Remove it in Jan, in its settings of llama.cpp."
            case None:
                return ""

    @property
    def _names(self) -> tuple[str, ...]:
        return (self.entry.ref.name, *self.entry.also) if self.entry.program == "ollama" else ("its name",)
