"""What the Hub promises of a file before its bytes come: commit, hash and size."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from garden.core.errors import RefusedError
from garden.hub.blob_hash import is_promise
from garden.hub.client import resolve_path
from garden.hub.connection import HubConnection
from garden.hub.wire import commit_hash

_XET_HASH = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedFile:
    """A file of a commit, promised by the Hub.

    Attributes:
        filename: Path inside the repository.
        path: Its address below the endpoint.
        commit: Full commit hash.
        etag: SHA-256, or git's blob hash of a small file.
        size_bytes: Exact size.
        xet_hash: What names its bytes in the Hub's store of pieces, 64 hex digits; None when they are not in it.
    """

    filename: str
    path: str
    commit: str
    etag: str
    size_bytes: int
    xet_hash: str | None = None


def resolve_file(connection: HubConnection, repo_id: str, revision: str, filename: str) -> ResolvedFile:
    """Ask the Hub what it promises of a file; no byte of it is sent.

    Raises:
        GardenError: No answer, a refusal, or no promise that bytes could be held against.
    """
    path = resolve_path(repo_id, revision, filename)
    subject = connection.subject(repo_id, revision, filename)
    with connection.stream(
        "HEAD", path, subject, headers={"Accept-Encoding": "identity"}, on_redirect=_has_no_promise
    ) as response:
        headers = response.headers
        etag, size, commit = promised_hash(headers), _promised_size(headers), commit_hash(headers.get("X-Repo-Commit"))
        xet_hash = headers.get("X-Xet-Hash", "").lower()
    if etag is None or not is_promise(etag) or size is None or commit is None:
        raise RefusedError(
            f"{subject.host} does not say what '{filename}' must hash to, so it cannot be verified.",
            "Use the Hub itself, or a mirror that passes on its X-Linked-ETag header.",
        )
    return ResolvedFile(
        filename=filename,
        path=path,
        commit=commit,
        etag=etag,
        size_bytes=size,
        xet_hash=xet_hash if _XET_HASH.fullmatch(xet_hash) else None,
    )


def promised_hash(headers: Mapping[str, str]) -> str | None:
    """The hash in the headers of a file's address, None when there is none."""
    etag = headers.get("X-Linked-ETag") or headers.get("ETag")
    if etag is None:
        return None
    etag = etag.removeprefix("W/").strip('"')
    # Servers that compress on the way mark the hash of what they compressed.
    return etag.removesuffix("-gzip")


def _has_no_promise(headers: Mapping[str, str]) -> bool:
    return "X-Linked-ETag" not in headers


def _promised_size(headers: Mapping[str, str]) -> int | None:
    text = headers.get("X-Linked-Size") or headers.get("Content-Length") or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
