"""TARGET as users write it: a path, ``owner/repo:QUANT``, ``owner/repo/file.gguf``, a Hub address, a library name."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from garden.core.catalog import Repository, RepositoryFile
from garden.core.errors import NotFoundError, RefusedError
from garden.core.library_entry import LibraryEntry
from garden.gguf.quant_name import quant_type_of
from garden.hub.address import is_repo_id, looks_like_address, parse_address

#: The name that always means the starter model.
STARTER = "starter"

#: More names than this help nobody to choose.
_MAX_LISTED = 12


@dataclass(frozen=True, slots=True)
class HubTarget:
    """A file on the Hub as a user named it.

    Attributes:
        repo_id: ``owner/name``.
        quant_type: E.g. ``Q4_K_M``; None when a file or nothing was named.
        filename: Path inside the repository; None when a type or nothing was named.
        revision: Branch, tag or commit that an address named; None for the default branch.
    """

    repo_id: str
    quant_type: str | None = None
    filename: str | None = None
    revision: str | None = None


def parse_hub_target(text: str, endpoint: str = "") -> HubTarget | None:
    """The Hub's file that a text names; None when it does not look like one.

    Args:
        text: As the user wrote it.
        endpoint: Address of the Hub in use; pages of its host count as well as those of huggingface.co.

    Raises:
        RefusedError: It is an address, and not of a model on the Hub.
    """
    if looks_like_address(text):
        found = parse_address(text, endpoint)
        if found is None:
            raise RefusedError(
                f"“{text[:120]}” is no address of a model on the Hub.",
                "Paste one of https://huggingface.co/owner/repo, or write owner/repo:TYPE.",
            )
        return HubTarget(found.repo_id, found.quant_type, found.filename, found.revision)
    head, colon, quant = text.partition(":")
    if colon and is_repo_id(head):
        return HubTarget(head, quant_type=quant.upper() or None)
    parts = text.split("/")
    if len(parts) >= 3 and text.lower().endswith(".gguf") and is_repo_id("/".join(parts[:2])):
        return HubTarget("/".join(parts[:2]), filename="/".join(parts[2:]))
    return HubTarget(text) if is_repo_id(text) else None


def looks_like_path(text: str) -> bool:
    """Whether a text can only mean a file of this machine."""
    return text.startswith((".", "/", "~", "\\")) or (os.sep in text and Path(text).exists()) or Path(text).is_file()


def choose_file(repository: Repository, target: HubTarget) -> RepositoryFile:
    """The file of a repository that a target names.

    Raises:
        NotFoundError: None, or none that can be told apart; the action names what there is.
    """
    models = [file for file in repository.files if file.kind == "model"]
    if target.filename is not None:
        wanted = [file for file in repository.files if target.filename in [part.filename for part in file.files]]
    elif target.quant_type is not None:
        wanted = [file for file in models if (file.quant_type or "").upper() == target.quant_type]
        if not wanted and len(models) == 1 and models[0].quant_type is None:
            # Its name tells no type, and there is no other: the user may know what it is.
            wanted = models
    else:
        wanted = models if len(models) == 1 else []
    if wanted:
        return wanted[0]
    there = ", ".join(dict.fromkeys(file.quant_type or file.filename for file in models)) or "no GGUF file"
    ways = [f"{target.repo_id}:TYPE"] if any(file.quant_type for file in models) else []
    # A name that tells no type is named itself, as it is.
    ways += [f"{target.repo_id}/{file.filename}" for file in models if not file.quant_type][:1]
    what = target.filename or target.quant_type or "a type"
    raise NotFoundError(
        f"{target.repo_id} has no {what}." if target.filename or target.quant_type else "Which file of it?",
        f"It has {there}: write {' or '.join(ways)}." if models else "Search for a GGUF version of it.",
    )


def choose_entry(text: str, entries: Sequence[LibraryEntry], endpoint: str = "") -> LibraryEntry:
    """The library's model that a text names: by name, ``name:QUANT``, file name, or ``owner/repo:QUANT``.

    Args:
        text: As the user wrote it.
        entries: What is here.
        endpoint: Address of the Hub in use, as in ``parse_hub_target``.

    Raises:
        NotFoundError: None; the action offers close names.
        RefusedError: Several; the action says how to name each.
    """
    if text == STARTER:
        found = [entry for entry in entries if entry.origin == STARTER]
        if found:
            return found[0]
        raise NotFoundError("The starter model is not here.", "Fetch it: garden download starter")
    named = _named(text, entries, endpoint)
    if len(named) == 1:
        return named[0]
    if named:
        raise _ambiguous(text, named, entries)
    hub = parse_hub_target(text, endpoint)
    names = sorted({STARTER, *(name for entry in entries for name in (entry.ref.name, full_name(entry)))})
    close = difflib.get_close_matches(text, names, n=3, cutoff=0.5)
    action = f"Did you mean {' or '.join(close)}?" if close else "`garden library` lists what is here."
    if hub is not None and not close:
        action = f"Download it first: garden download {text}"
    raise NotFoundError(f"There is no model “{text[:120]}” here.", action)


def full_name(entry: LibraryEntry) -> str:
    """A name that tells the quants of one model apart: ``Qwen3-8B:Q4_K_M``."""
    quant = _quant_type(entry)
    # Ollama's names have a tag already, which tells the types apart.
    return f"{entry.ref.name}:{quant}" if quant and ":" not in entry.ref.name else entry.ref.name


def _quant_type(entry: LibraryEntry) -> str | None:
    return entry.ref.quant_type or quant_type_of(entry.ref.filenames[0])


def _named(text: str, entries: Sequence[LibraryEntry], endpoint: str = "") -> list[LibraryEntry]:
    """All that a text may mean: those of a repository, or else those of a name."""
    hub = parse_hub_target(text, endpoint)
    if hub is not None:
        of_repository = [
            entry
            for entry in entries
            if entry.ref.repo_id == hub.repo_id
            and (hub.filename is None or hub.filename in entry.ref.filenames)
            and (hub.quant_type is None or hub.quant_type == (_quant_type(entry) or "").upper())
        ]
        if of_repository:
            return of_repository
    whole = [entry for entry in entries if text.lower() in _tagged_names(entry)]
    if whole:
        return whole
    name, _, quant = text.partition(":")
    wanted = name.lower()
    return [
        entry
        for entry in entries
        if wanted
        in (
            entry.ref.name.lower(),
            Path(entry.ref.filenames[0]).name.lower(),
            Path(entry.ref.filenames[0]).stem.lower(),
        )
        and (not quant or quant.upper() == (_quant_type(entry) or "").upper())
    ]


def _tagged_names(entry: LibraryEntry) -> list[str]:
    """Names of the form ``llama3.1:8b``, where the part behind the colon need not be a type."""
    return [name.lower() for name in (entry.ref.name, *entry.also) if ":" in name]


def _ambiguous(text: str, named: Sequence[LibraryEntry], entries: Sequence[LibraryEntry]) -> RefusedError:
    """The question which of several was meant, with a text for each that means it alone."""
    ways = [
        STARTER
        if entry.origin == STARTER
        else full_name(entry)
        if len(_named(full_name(entry), entries)) == 1
        else entry.ref.path or full_name(entry)
        for entry in named
    ]
    listed = ", ".join(ways[:_MAX_LISTED]) + (" and others" if len(ways) > _MAX_LISTED else "")
    return RefusedError(f"{len(named)} models here are called “{text[:120]}”. Which one?", f"Write one of: {listed}.")
