"""Files of a repository as things that can be fetched: a sharded set is one, a projector is not a model."""

from __future__ import annotations

import re
from collections.abc import Iterable

from garden.core.catalog import FileKind, RemoteFile, Repository, RepositoryFile
from garden.gguf.quant_name import quant_type_of

_SHARD = re.compile(r"(?P<stem>.+)-(?P<index>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE | re.ASCII)
_PROJECTOR = re.compile(r"(?:^|[-_.])mmproj(?:[-_.]|$)|(?:^|[-_.])mmproj-", re.IGNORECASE)
_IMATRIX = re.compile(r"imatrix", re.IGNORECASE)
_ADAPTER = re.compile(r"(?:^|[-_.])lora(?:[-_.]|$)|control[-_]vector", re.IGNORECASE)

_ORDER: tuple[FileKind, ...] = ("model", "projector", "imatrix", "other")


def group_files(files: Iterable[RemoteFile]) -> tuple[RepositoryFile, ...]:
    """What can be fetched of a repository, models first, the largest first.

    A sharded set counts when all of its shards are there; an incomplete one is kept as ``other``, because nothing can
    run it.

    Args:
        files: All files of the repository.
    """
    single: list[RepositoryFile] = []
    sets: dict[tuple[str, int], dict[int, RemoteFile]] = {}
    for file in files:
        name = file.filename.lower()
        shard = _SHARD.fullmatch(file.filename)
        if shard is not None:
            key = (shard["stem"], int(shard["count"]))
            sets.setdefault(key, {})[int(shard["index"])] = file
        elif name.endswith(".gguf") or (_IMATRIX.search(name) and name.endswith((".dat", ".imatrix"))):
            single.append(_group((file,), _kind(file.filename)))
    for (stem, count), shards in sets.items():
        whole = count >= 1 and len(shards) == count and set(shards) == set(range(1, count + 1))
        ordered = tuple(shards[index] for index in sorted(shards))
        single.append(_group(ordered, _kind(stem + ".gguf") if whole else "other"))
    return tuple(sorted(single, key=lambda group: (_ORDER.index(group.kind), -group.size_bytes, group.filename)))


def is_projector(filename: str) -> bool:
    """Whether a file is a projector by its name."""
    return filename.lower().endswith(".gguf") and _kind(filename) == "projector"


def is_adapter(filename: str) -> bool:
    """Whether a file changes a model that is loaded, by its name."""
    return bool(_ADAPTER.search(filename.rpartition("/")[2]))


def projector_for(repository: Repository, file: RepositoryFile) -> RepositoryFile | None:
    """The projector that belongs to a model of the same repository, None where there is none.

    Of several it is one in the model's folder, and there the one in F16, which most programs take, else the smallest.
    """
    if file.kind != "model":
        return None
    folder = file.filename.rpartition("/")[0]
    found = [other for other in repository.files if other.kind == "projector" and len(other.files) == 1]
    near = [other for other in found if other.filename.rpartition("/")[0] == folder]
    return min(near or found, key=lambda other: (other.quant_type != "F16", other.size_bytes), default=None)


def _group(files: tuple[RemoteFile, ...], kind: FileKind) -> RepositoryFile:
    filename = files[0].filename
    return RepositoryFile(filename=filename, files=files, kind=kind, quant_type=quant_type_of(filename))


def _kind(filename: str) -> FileKind:
    base = filename.rpartition("/")[2]
    if _IMATRIX.search(base):
        # A quantization made with an importance matrix may say so in its name: "model-imatrix-Q4_K_M.gguf".
        return "model" if base.lower().endswith(".gguf") and quant_type_of(base) else "imatrix"
    if _PROJECTOR.search(base):
        return "projector"
    return "other" if is_adapter(base) else "model"
