"""Under which words measurements of a model are found again: its bytes where they are known, else its place."""

from __future__ import annotations

from garden.core.model_ref import ModelRef


def model_key(ref: ModelRef) -> str:
    """The best key there is: the hash, else path and size (another file at that path is another model)."""
    return model_keys(ref)[0]


def model_keys(ref: ModelRef) -> tuple[str, ...]:
    """All keys that name this model, the best first; a file measured before it was hashed is found by the last."""
    keys: list[str] = []
    if ref.sha256:
        keys.append(f"sha256:{ref.sha256}")
    if ref.path:
        keys.append(f"path:{ref.size_bytes}:{ref.path}")
    if not keys:
        keys.append(f"hub:{ref.repo_id}@{ref.revision}:{'|'.join(ref.filenames)}")
    return tuple(keys)
