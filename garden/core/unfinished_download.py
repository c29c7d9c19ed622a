"""What a download that did not end has left on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedDownload:
    """Bytes of a transfer that did not end, of any tool.

    Attributes:
        repo_id: ``owner/name``.
        path: The part.
        size_bytes: How much of it is here.
    """

    repo_id: str
    path: Path
    size_bytes: int
