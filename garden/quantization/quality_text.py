"""Texts to measure a loss on: Garden's own, or the user's."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

from garden.core.errors import InvalidFileError, NotFoundError
from garden.core.paths import resource_path

#: Name of the bundled text when none is given.
BUNDLED_NAME = "English and code"

#: Characters of one kind of text before the other takes over: about half a window of 512 tokens.
_SECTION_CHARACTERS = 1200

#: Read at most this much of a user's text; a measurement of 1,000 windows needs less.
MAX_TEXT_BYTES = 8 * 1024 * 1024


def bundled_text() -> str:
    """Garden's own English prose and program code (CC0), alternating, so that even a short run sees both."""
    english = _sections(resource_path("quality/english.txt").read_text("utf-8"))
    code = _sections(resource_path("quality/code.txt").read_text("utf-8"))
    mixed: list[str] = []
    for prose, program in zip_longest(english, code):
        mixed.extend(section for section in (prose, program) if section)
    return "\n\n".join(mixed) + "\n"


def read_text(path: Path) -> str:
    """A user's UTF-8 text, the first MAX_TEXT_BYTES of it.

    Raises:
        NotFoundError: There is no such file.
        InvalidFileError: It is not text.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_TEXT_BYTES + 1)
    except OSError as error:
        raise NotFoundError(f"“{path.name}” could not be read.", "Check the path of the text.", str(error)) from error
    cut = len(raw) > MAX_TEXT_BYTES
    try:
        # The cut may fall inside a character: up to three bytes of it are dropped.
        text = raw[:MAX_TEXT_BYTES].decode("utf-8", "strict") if not cut else _decode_cut(raw[:MAX_TEXT_BYTES])
    except UnicodeDecodeError as error:
        raise InvalidFileError(f"“{path.name}” is not UTF-8 text.", "Save it as UTF-8.", str(error)) from error
    if "\x00" in text:
        raise InvalidFileError(f"“{path.name}” is not text.", "Choose a text file.")
    return text.removeprefix("\ufeff")


def _decode_cut(raw: bytes) -> str:
    for dropped in range(3):
        try:
            return raw[: len(raw) - dropped].decode("utf-8")
        except UnicodeDecodeError as error:
            if error.reason != "unexpected end of data":
                raise
    return raw[: len(raw) - 3].decode("utf-8")


def _sections(text: str) -> list[str]:
    sections: list[str] = []
    section = ""
    for paragraph in text.strip().split("\n\n"):
        section = f"{section}\n\n{paragraph}" if section else paragraph
        if len(section) >= _SECTION_CHARACTERS:
            sections.append(section)
            section = ""
    return [*sections, section] if section else sections
