"""File names that come from the Hub: which of them may become a file on this machine, on any system."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path

from garden.core.errors import RefusedError

_MAX_PART_BYTES = 255
_MAX_NAME_CHARACTERS = 1024
_MAX_DEPTH = 16

#: Windows opens a device under these names, with any extension, in any folder.
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{device}{digit}" for device in ("com", "lpt") for digit in "0123456789¹²³"}
)

_FORBIDDEN = frozenset('<>:"|?*\\')


def filename_problem(filename: str) -> str | None:
    """Why a name from the Hub is not safe to write, as half a sentence; None when it is safe."""
    if not filename or len(filename) > _MAX_NAME_CHARACTERS:
        return "it is empty or too long"
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in filename):
        return "it contains characters that cannot be seen"
    if _FORBIDDEN & set(filename):
        return "it contains characters that not every system can store"
    parts = filename.split("/")
    if len(parts) > _MAX_DEPTH:
        return "it lies in too many folders"
    for part in parts:
        if part in ("", ".", ".."):
            return "it leads out of its folder"
        if part[-1] in ". " or part[0] == " ":
            return "a part of it begins or ends with a space or ends with a dot"
        if part.split(".")[0].rstrip(" ").casefold() in _RESERVED:
            return "it is the name of a device on Windows"
        if len(part.encode("utf-8", "replace")) > _MAX_PART_BYTES:
            return "a part of it is too long"
    return None


def check_filenames(filenames: Iterable[str]) -> None:
    """Refuse names that are not safe to write, or that would be one file on some systems.

    Raises:
        RefusedError: A name is not safe; the sentence says why.
    """
    seen: dict[str, str] = {}
    for filename in filenames:
        problem = filename_problem(filename)
        if problem is not None:
            shown = filename[:80].encode("unicode_escape").decode("ascii")
            raise RefusedError(f"The file name '{shown}' is not safe: {problem}.", "Ask its publisher to rename it.")
        folded = unicodedata.normalize("NFC", filename).casefold()
        if seen.setdefault(folded, filename) != filename:
            raise RefusedError(
                f"'{filename}' and '{seen[folded]}' are the same file on some systems.",
                "Ask their publisher to rename one.",
            )


def path_inside(folder: Path, filename: str) -> Path:
    """The path of a checked name in a folder, also when folders on the way are links.

    Raises:
        RefusedError: It is not safe, or leads out of the folder.
    """
    check_filenames([filename])
    path = folder.joinpath(*filename.split("/"))
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        raise RefusedError(
            f"'{filename}' would be written outside the models folder.", "Look for links in that folder."
        )
    return path
