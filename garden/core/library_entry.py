"""One model on this machine, as the Library lists it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from garden.core.model_ref import ModelRef
from garden.core.upstream import Upstream

#: Programs whose stores are read in place; nothing in them is ever changed.
OtherProgram = Literal["ollama", "lm_studio", "jan"]

#: What they call themselves.
PROGRAM_NAMES: Mapping[OtherProgram, str] = {"ollama": "Ollama", "lm_studio": "LM Studio", "jan": "Jan"}

#: How a file came here: with Garden's starter, made in the Workshop, from the Hub, from a folder of the user's, or with
#: another program.
Origin = Literal["starter", "made_here", "hub_cache", "folder", "ollama", "lm_studio", "jan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryEntry:
    """One runnable (or damaged) model file on this machine.

    Attributes:
        ref: Name, path, size, source and hash.
        origin: How it came here.
        architecture: GGUF's word, None when the header could not be read.
        parameters: Parameters counted from the tensors, None when the header could not be read.
        context_length: Trained context.
        license: Licence id, from the header or the Hub.
        verified: True when its bytes matched a promised hash, False when they did not, None when not checked.
        verified_at: Seconds since the epoch.
        last_used_at: Seconds since the epoch, None when never.
        decode_tokens_per_second: Last measured speed here, None when never measured.
        lineage: What it was made from, the oldest first, e.g. ``("SmolLM2-135M-Instruct Q4_1",)``.
        projector: Path of the vision (or sound) projector that lies beside it, None without one.
        problem: One sentence on why it cannot be used; None when it can.
        publisher: Who published it, as the folders of another program say; None when nothing says so.
        also: Further names that another program has for the same file.
        upstream: What the Hub had when it was last asked; None when it never was.
        beside: Files that another program loads with it: projector, then adapters.
    """

    ref: ModelRef
    origin: Origin
    architecture: str | None = None
    parameters: int | None = None
    context_length: int | None = None
    license: str | None = None
    verified: bool | None = None
    verified_at: float | None = None
    last_used_at: float | None = None
    decode_tokens_per_second: float | None = None
    lineage: tuple[str, ...] = ()
    projector: str | None = None
    problem: str | None = None
    publisher: str | None = None
    also: tuple[str, ...] = ()
    upstream: Upstream | None = None
    beside: tuple[str, ...] = ()

    @property
    def program(self) -> OtherProgram | None:
        """The other program whose file it is, None for a file that is nobody else's."""
        return next((program for program in PROGRAM_NAMES if program == self.origin), None)


def entry_now(ref: ModelRef, entries: Sequence[LibraryEntry]) -> LibraryEntry | None:
    """The entry of a model in a newer list, also when its file was moved meanwhile.

    Args:
        ref: The model as it was listed before.
        entries: What is listed now.

    Returns:
        The one at the same path, else the one with the same bytes; None when there is none, or it is unclear which.
    """
    there = next((entry for entry in entries if entry.ref.path == ref.path), None)
    if there is not None:
        return there
    same = [entry for entry in entries if entry.ref.is_same_file(ref)]
    # Copies with the same hash are as good as one another; one that is called the same is more likely meant.
    same.sort(key=lambda entry: entry.ref.filenames != ref.filenames)
    return same[0] if len(same) == 1 or (same and ref.sha256 is not None) else None
