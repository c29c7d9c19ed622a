"""What a file was made from, as one short text in its own metadata, so that it travels with the file."""

from __future__ import annotations

from collections.abc import Mapping

from garden.core.model_ref import ModelRef

#: Metadata key in files that Garden makes.
LINEAGE_KEY = "garden.lineage"

#: The engine takes metadata strings of at most this many bytes.
MAX_BYTES = 127

_SEPARATOR = " > "


def parse_lineage(text: object) -> tuple[str, ...]:
    """Ancestors named in a metadata value, the oldest first; empty for anything that is not such a text."""
    if not isinstance(text, str):
        return ()
    # The value comes from a file: bounded, and without control characters.
    clean = "".join(character for character in text[:1024] if character.isprintable())
    return tuple(part for part in (piece.strip() for piece in clean.split(_SEPARATOR)) if part)


def lineage_after(source: ModelRef, metadata: Mapping[str, object]) -> str:
    """The text to store in a file made from ``source``: the source's own ancestors, then the source.

    Args:
        source: Name and type of the source.
        metadata: Metadata of the source's header.

    Returns:
        At most MAX_BYTES bytes of UTF-8. The oldest ancestors go first when it would be longer.
    """
    own = (
        source.name
        if not source.quant_type or source.quant_type in source.name
        else (f"{source.name} {source.quant_type}")
    )
    own = "".join(character for character in own if character.isprintable()).replace(_SEPARATOR, " ").strip()
    ancestors = [*parse_lineage(metadata.get(LINEAGE_KEY)), own or "unnamed"]
    while len(ancestors) > 1 and len(_SEPARATOR.join(ancestors).encode()) > MAX_BYTES:
        del ancestors[0]
    return _SEPARATOR.join(ancestors).encode()[:MAX_BYTES].decode("utf-8", "ignore")
