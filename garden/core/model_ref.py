"""Which file a model is: where it came from, what it is called, how large it is and what its bytes hash to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """One runnable model: a GGUF file, or the set of shards that make one.

    Attributes:
        name: Name shown to people and accepted as a TARGET, e.g. ``Qwen3-8B``.
        repo_id: ``owner/name`` on the Hub, None for a file that came from elsewhere.
        revision: Commit hash on the Hub, None when unknown.
        filenames: File names relative to the repository (or bare names); the first shard first.
        path: Absolute path of the first file on this machine, None while it is only on the Hub.
        quant_type: GGUF's word for the file, e.g. ``Q4_K_M``; None when unknown.
        size_bytes: Sum over all files, 0 when unknown.
        sha256: SHA-256 of the file (of the first shard for a set), None until it was hashed or told by the Hub.
    """

    name: str
    filenames: tuple[str, ...]
    repo_id: str | None = None
    revision: str | None = None
    path: str | None = None
    quant_type: str | None = None
    size_bytes: int = 0
    sha256: str | None = None

    def is_same_file(self, other: ModelRef) -> bool:
        """Whether both name the same bytes, wherever they lie: by hash, or by name and size where one has no hash."""
        if self.sha256 is not None and other.sha256 is not None:
            return self.sha256 == other.sha256
        return bool(self.size_bytes) and (self.filenames, self.size_bytes) == (other.filenames, other.size_bytes)
