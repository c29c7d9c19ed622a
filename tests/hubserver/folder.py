"""Repositories of GGUF files that lie in a folder, to be fetched for real."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from garden.core.errors import GardenError
from garden.gguf.byte_source import FileSource
from garden.gguf.header import GgufHeader, read_header
from garden.gguf.quant_name import quant_type_of
from tests.hubserver.repository import GgufFacts, ServedRepository, repository_of

_SHARD = re.compile(r"-\d{5}-of-\d{5}$")


def folder_repositories(folder: Path) -> list[ServedRepository]:
    """One repository per model: ``DIR/owner/name/*.gguf`` is ``owner/name``, other files are ``local/NAME-GGUF``."""
    groups: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*.gguf")):
        parts = path.relative_to(folder).parts
        groups["/".join(parts[:2]) if len(parts) == 3 else f"local/{_name(path)}-GGUF"].append(path)
    counts = {"downloads": 12_000, "likes": 90, "trending": 200}
    return [gguf_repository(repo_id, *paths, **counts) for repo_id, paths in sorted(groups.items())]


def _name(path: Path) -> str:
    stem = _SHARD.sub("", path.stem)
    quant = quant_type_of(path.name)
    if quant is not None:
        stem = re.sub(rf"[-._]{re.escape(quant)}$", "", stem, flags=re.IGNORECASE)
    return re.sub(r"[^A-Za-z0-9._-]+|--+", "-", stem).strip("-.") or "model"


def gguf_repository(repo_id: str, *paths: Path, **facts: object) -> ServedRepository:
    """A repository of GGUF files on this machine, with the ``gguf`` field and the licence as their header tells them.

    Args:
        repo_id: ``owner/name``.
        paths: The files; served under their own names.
        facts: Attributes of ``ServedRepository`` that differ.
    """
    header = _header(paths[0])
    told: dict[str, object] = {"card": f"# {repo_id.rpartition('/')[2]}\n\nFiles of this machine.\n"}
    if header is not None:
        told["gguf"] = GgufFacts(header.parameters, header.architecture or "unknown", header.context_length)
        told["license"] = header.license
    return repository_of(repo_id, *paths, **{**told, **facts})  # type: ignore[arg-type]  # fields by name


def _header(path: Path) -> GgufHeader | None:
    try:
        with FileSource(path) as source:
            return read_header(source)
    except GardenError:
        return None
