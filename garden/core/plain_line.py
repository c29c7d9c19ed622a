"""Text of strangers and of users, made fit to be shown on one line."""

from __future__ import annotations


def plain_line(text: str, limit: int) -> str:
    """A text on one line: control and direction characters count as spaces, and of those one is left between words.

    Args:
        text: Of any length; what lies beyond four times the limit is not looked at.
        limit: Characters of the answer at most, ≥ 1.

    Returns:
        The text, empty where nothing of it prints.
    """
    shown = "".join(character if character.isprintable() else " " for character in text[: limit * 4])
    return " ".join(shown.split())[:limit].strip()
