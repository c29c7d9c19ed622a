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
    return [_repository(repo_id, paths) for repo_id, paths in sorted(groups.items())]


def _name(path: Path) -> str:
    stem = _SHARD.sub("", path.stem)
    quant = quant_type_of(path.name)
    if quant is not None:
        stem = re.sub(rf"[-._]{re.escape(quant)}$", "", stem, flags=re.IGNORECASE)
    return re.sub(r"[^A-Za-z0-9._-]+|--+", "-", stem).strip("-.") or "model"


def _repository(repo_id: str, paths: list[Path]) -> ServedRepository:
    header = _header(paths[0])
    if header is None:
        return repository_of(repo_id, *paths)
    facts = GgufFacts(header.parameters, header.architecture or "unknown", header.context_length)
    return repository_of(
        repo_id,
        *paths,
        card=f"# {repo_id.rpartition('/')[2]}\n\nFiles of this machine.\n",
        gguf=facts,
        license=header.license,
        downloads=12_000,
        likes=90,
        trending=200,
    )


def _header(path: Path) -> GgufHeader | None:
    try:
        with FileSource(path) as source:
            return read_header(source)
    except GardenError:
        return None
