"""What the Hub has now where a model of this machine came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: The same bytes; other bytes under the same name; nothing under that name any more.
UpstreamState = Literal["same", "changed", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """One look at the Hub.

    Attributes:
        state: How what lies there compares with what is here.
        checked_at: When it was looked at, seconds since the epoch.
        revision: Newest commit of the repository.
        modified: ISO 8601 date of that commit, None when not told.
        size_bytes: Of what lies there now, 0 when it is gone.
        sha256: Of its first file, None when it is gone or has none.
    """

    state: UpstreamState
    checked_at: float
    revision: str
    modified: str | None = None
    size_bytes: int = 0
    sha256: str | None = None
