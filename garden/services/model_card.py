"""A model card as it is read: its metadata left out, on top what must not be overlooked."""

from __future__ import annotations

import re

from garden.core.licence import LicenceClass, licence_of

#: Metadata between two lines of dashes at the top of a card.
_FRONT_MATTER = re.compile(r"\A\s*---\r?\n.*?\r?\n---\r?\n", re.DOTALL)

#: Longer cards are cut, so that none holds up the window.
MOST_CHARACTERS = 64 * 1024

#: Lines and columns that somebody reads; each costs more than its letters do.
_MOST_LINES = 3_000
_MOST_COLUMNS = 100

#: Headings under which publishers say what a model is for.
_PURPOSE = re.compile(
    r"^#{1,6}[ \t]*[^\w\n]{0,8}(?:intended (?:uses?|usage|purpose)|primary use cases|uses|direct use)\b[^\n]{0,80}$",
    re.IGNORECASE | re.MULTILINE,
)
_HEADING = re.compile(r"^#{1,6}[ \t]", re.MULTILINE)

#: Of what it is for, so much stands on top; the rest follows where the publisher put it.
_MOST_PURPOSE = 500

#: What would not survive being cut, or be more than a few sentences.
_NOT_PROSE = ("```", "~~~", "|", "<", "![", "$$")


def readable_card(card: str, license_id: str | None = None) -> str:
    """A card as Markdown to show.

    Args:
        card: As the publisher wrote it.
        license_id: The Hub's licence id; None for none.

    Returns:
        Licence and purpose as a quote on top, then the card without its metadata, cut where it is endless.
    """
    text = _FRONT_MATTER.sub("", card, count=1)
    lines = text[:MOST_CHARACTERS].split("\n")
    goes_on = len(text) > MOST_CHARACTERS or len(lines) > _MOST_LINES
    text = "\n".join(map(_narrow, lines[:_MOST_LINES]))
    if goes_on:
        text += "\n\n*The card goes on; open its page to read all.*"
    top = [_licence(license_id), *_purpose(text)]
    return "\n>\n".join(f"> {line}" for line in top) + "\n\n" + text


def _narrow(line: str) -> str:
    """A row with more columns than a table that somebody reads is running text."""
    return line.replace("|", " ") if line.count("|") > _MOST_COLUMNS else line


def _licence(license_id: str | None) -> str:
    licence = licence_of(license_id)
    # An id that a publisher made up is shown as it is, and never read as Markdown.
    name = "".join(c for c in licence.name if c.isalnum() or c in " .-+_")
    kind = "" if licence.license_class is LicenceClass.UNKNOWN else f", {licence.license_class.value}"
    return " ".join((f"**Licence** {name}{kind}.", *licence.duties))


def _purpose(text: str) -> list[str]:
    for heading in _PURPOSE.finditer(text):
        after = text[heading.end() :]
        following = _HEADING.search(after)
        section = after[: following.start()] if following else after
        prose = " ".join(section[: 4 * _MOST_PURPOSE].split())
        if not prose or any(sign in prose for sign in _NOT_PROSE):
            continue
        if len(prose) > _MOST_PURPOSE:
            prose = prose[:_MOST_PURPOSE].rpartition(" ")[0] + " …"
        return [f"**Intended use** {prose}"]
    return []
