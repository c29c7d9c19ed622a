"""Tool tips from text that came from outside."""

from __future__ import annotations

import html


def plain_tool_tip(text: str) -> str:
    """The text as a tool tip shows it letter by letter; Qt would read what looks like HTML as HTML.

    Args:
        text: Anything, e.g. the name of a model.
    """
    if "<" not in text and "&" not in text:
        return text
    return f"<span>{html.escape(text)}</span>"
