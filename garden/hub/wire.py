"""The Hub's JSON as core values. Every string in it was written by a stranger: cleaned, cut and counted here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from garden.core.catalog import ModelSummary, RemoteFile
from garden.core.errors import HubError
from garden.core.plain_line import plain_line
from garden.hub.address import is_repo_id
from garden.hub.filename import filename_problem

_MAX_TAG = 100
_MAX_TAGS = 200
_MAX_FILES = 10_000
_MAX_COUNT = 10**15
_MAX_FILE_BYTES = 2**50

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:T[0-9:.]{1,16}(?:Z|[+-]\d{2}:?\d{2})?)?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")


def decode(body: bytes, host: str) -> Any:
    """Parse a JSON document.

    Raises:
        HubError: It is not JSON, or nested too deeply.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HubError(
            f"{host} does not answer as a Hub does.",
            "Check the Hub's address in Settings; a network's sign-in page can answer in its place.",
            str(error)[:200],
        ) from error


def clean(value: object, limit: int) -> str | None:
    """A stranger's text on one line: no control or direction characters, cut to ``limit``; None when not text."""
    return (plain_line(value, limit) or None) if isinstance(value, str) else None


def model_summary(item: object) -> ModelSummary | None:
    """A row of the list; None when it is not a repository with an owner and a name."""
    if not isinstance(item, Mapping):
        return None
    repo_id = item.get("id") or item.get("modelId")
    if not isinstance(repo_id, str) or not is_repo_id(repo_id):
        return None
    tags = _texts(item.get("tags"), _MAX_TAGS, _MAX_TAG)
    gguf = _mapping(item.get("gguf"))
    safetensors = _mapping(item.get("safetensors"))
    card = _mapping(item.get("cardData"))
    filenames = tuple(file.filename for file in remote_files(item.get("siblings"), sizes_needed=False))
    return ModelSummary(
        repo_id=repo_id,
        downloads=_count(item.get("downloads")),
        likes=_count(item.get("likes")),
        license=_license(tags, card),
        pipeline_tag=clean(item.get("pipeline_tag"), _MAX_TAG),
        parameters=_count(gguf.get("total")) or _count(safetensors.get("total")),
        architecture=clean(gguf.get("architecture"), _MAX_TAG),
        context_length=_count(gguf.get("context_length")),
        gated=item.get("gated") in (True, "auto", "manual"),
        base_models=_base_models(item.get("baseModels"), tags, card),
        last_modified=_date(item.get("lastModified")),
        tags=tags,
        filenames=filenames,
        has_gguf="gguf" in tags or any(name.lower().endswith(".gguf") for name in filenames),
        library_name=clean(item.get("library_name"), _MAX_TAG),
        created_at=_date(item.get("createdAt")),
        private=item.get("private") is True,
        consent=consent if (consent := item.get("gated")) in ("auto", "manual") else None,
    )


def remote_files(siblings: object, *, sizes_needed: bool = True) -> tuple[RemoteFile, ...]:
    """The files of a repository; names that are not safe to write, and sizes that are none, are left out."""
    files: list[RemoteFile] = []
    if not isinstance(siblings, list):
        return ()
    for sibling in siblings[:_MAX_FILES]:
        item = _mapping(sibling)
        filename = item.get("rfilename") or item.get("path")
        lfs = _mapping(item.get("lfs"))
        size = _count(lfs.get("size"), _MAX_FILE_BYTES)
        if size is None:
            size = _count(item.get("size"), _MAX_FILE_BYTES)
        if not isinstance(filename, str) or filename_problem(filename) or (size is None and sizes_needed):
            continue
        sha256 = _hash(_SHA256, lfs.get("sha256") or lfs.get("oid"))
        sha1 = None if lfs else _hash(_SHA1, item.get("blobId") or item.get("oid"))
        files.append(RemoteFile(filename=filename, size_bytes=size or 0, sha256=sha256, git_sha1=sha1))
    return tuple(files)


def commit_hash(value: object) -> str | None:
    """A full commit hash, None when it is none."""
    return _hash(_SHA1, value)


def weight_formats(filenames: Iterable[str]) -> tuple[str, ...]:
    """Formats of weights among the names: ``gguf``, ``safetensors``, ``pickle`` (which can run code)."""
    found = set()
    for name in filenames:
        lower = name.lower()
        if lower.endswith(".gguf"):
            found.add("gguf")
        elif lower.endswith(".safetensors"):
            found.add("safetensors")
        elif lower.endswith((".bin", ".pt", ".pth", ".ckpt", ".pkl")):
            found.add("pickle")
    return tuple(name for name in ("gguf", "safetensors", "pickle") if name in found)


def _license(tags: tuple[str, ...], card: Mapping[str, Any]) -> str | None:
    license_id = next((tag.partition(":")[2] for tag in tags if tag.startswith("license:")), None)
    license_id = license_id or clean(card.get("license"), _MAX_TAG)
    if license_id in (None, "other"):
        license_id = clean(card.get("license_name"), _MAX_TAG) or license_id
    return license_id


def _base_models(field: object, tags: tuple[str, ...], card: Mapping[str, Any]) -> tuple[str, ...]:
    candidates: list[object] = []
    if isinstance(field, Mapping):
        field = field.get("models")
    if isinstance(field, list):
        candidates += [_mapping(entry).get("id") if isinstance(entry, Mapping) else entry for entry in field[:20]]
    # ``base_model:quantized:owner/name`` says how it was made, ``base_model:owner/name`` only from what.
    candidates += [tag.rpartition(":")[2] for tag in tags if tag.startswith("base_model:")]
    from_card = card.get("base_model")
    candidates += from_card[:20] if isinstance(from_card, list) else [from_card]
    found = (name for name in candidates if isinstance(name, str) and is_repo_id(name))
    return tuple(dict.fromkeys(found))[:20]


def _texts(value: object, count: int, limit: int) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(text for entry in value[:count] if (text := clean(entry, limit)) is not None)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: object, limit: int = _MAX_COUNT) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= limit else None


def _date(value: object) -> str | None:
    return value if isinstance(value, str) and _DATE.fullmatch(value) else None


def _hash(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None
