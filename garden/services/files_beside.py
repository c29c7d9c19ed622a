"""What lies in a repository beside its models: projectors, importance matrices, what is left out and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from garden.core.catalog import Repository, RepositoryFile
from garden.hub.file_grouping import is_adapter, projector_for


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesBeside:
    """Files of one sort.

    Attributes:
        title: What they are, and how many when there are several, e.g. ``3 vision projectors``.
        note: What they are for, or why they are left out; a sentence without its full stop.
        filenames: Their paths inside the repository. Untrusted text.
        size_bytes: Of all of them, None where the Hub's page does not tell it.
    """

    title: str
    note: str
    filenames: tuple[str, ...]
    size_bytes: int | None = None


def files_beside(repository: Repository) -> tuple[FilesBeside, ...]:
    """All files of a repository that are no model which Garden can run, by sort."""
    return tuple(_sorts(repository))


def _sorts(repository: Repository) -> Iterator[FilesBeside]:
    files = repository.files
    projectors = [file for file in files if file.kind == "projector"]
    if projectors:
        yield _sort(projectors, "vision projector", "vision projectors", _fetched(repository))
    matrices = [file for file in files if file.kind == "imatrix"]
    if matrices:
        yield _sort(matrices, "importance matrix", "importance matrices", "Made for quantizing, no model")
    adapters = [file for file in files if file.kind == "other" and is_adapter(file.filename)]
    if adapters:
        yield _sort(adapters, "adapter", "adapters", "Changes a model; Garden does not load it")
    broken = [file for file in files if file.kind == "other" and not is_adapter(file.filename)]
    if broken:
        yield _sort(broken, "incomplete set", "incomplete sets", "Parts of it are missing; nothing can load it")
    known = {part.filename for file in files for part in file.files}
    rest = tuple(name for name in repository.summary.filenames if name not in known)
    if rest:
        title = f"{len(rest)} other file{'s' if len(rest) > 1 else ''}"
        yield FilesBeside(title=title, note="Not for llama.cpp", filenames=rest)


def _sort(files: Sequence[RepositoryFile], one: str, several: str, note: str) -> FilesBeside:
    return FilesBeside(
        title=one.capitalize() if len(files) == 1 else f"{len(files)} {several}",
        note=note,
        filenames=tuple(file.filename for file in files),
        size_bytes=sum(file.size_bytes for file in files),
    )


def _fetched(repository: Repository) -> str:
    """Which projector comes with a model."""
    models = [file for file in repository.files if file.kind == "model"]
    taken = {found.filename: found for file in models if (found := projector_for(repository, file)) is not None}
    if len(taken) == 1 and len([file for file in repository.files if file.kind == "projector"]) > 1:
        (one,) = taken.values()
        return f"{one.quant_type or one.filename.rpartition('/')[2]} is fetched with each model"
    return "Fetched with each model" if taken else "For models of other repositories"
