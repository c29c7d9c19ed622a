"""Foreign text (names, paths, prompts) inside commands and comments, so that it stays text."""

from __future__ import annotations

import re
import shlex

from garden.core.errors import RefusedError

#: PowerShell takes these for a single quote as well.
_POWERSHELL_QUOTES = re.compile("['\u2018\u2019\u201a\u201b]")
# No comma: between bare words it makes an array, which reaches a program as several arguments.
_PLAIN = re.compile(r"[A-Za-z0-9_./:=+-]+")


def for_posix(text: str) -> str:
    """One word of a POSIX shell.

    Raises:
        RefusedError: It holds a NUL, which no argument can.
    """
    return shlex.quote(_argument(text))


def for_powershell(text: str) -> str:
    """One word of PowerShell.

    Raises:
        RefusedError: It holds a NUL, which no argument can.
    """
    if _PLAIN.fullmatch(_argument(text)):
        return text
    return "'" + _POWERSHELL_QUOTES.sub(lambda quote: quote[0] * 2, text) + "'"


def for_comment(text: str) -> str:
    """Text that cannot leave the line of a comment: what does not print becomes a space."""
    return "".join(character if character.isprintable() else " " for character in text)


def _argument(text: str) -> str:
    if "\x00" in text:
        raise RefusedError("A name or text holds a NUL character, which no command can carry.", "Remove it.")
    return text
