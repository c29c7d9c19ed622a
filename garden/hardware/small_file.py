"""Files of one line, as the kernel shows its figures."""

from __future__ import annotations

from pathlib import Path


def small_text(path: Path) -> str:
    """The stripped text; empty when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def small_number(path: Path) -> int | None:
    """A whole number; None when there is none."""
    text = small_text(path)
    return int(text) if text.isascii() and text.isdigit() else None
