"""Cuts growing Markdown into blocks that are finished and one that still grows. No Qt.

A finished block is never looked at again, so that a long answer costs as little per update as a short one. Cuts are
made at column 0 only, and inside a list only where the next item carries its own number on: Qt numbers anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_FENCE = re.compile(r"^(?P<indent> {0,12})(?P<marks>`{3,}|~{3,})[ \t]*(?P<info>[^`\n]*?)[ \t]*$")
_LIST_ITEM = re.compile(r"^ {0,3}(?:[-*+]|(?P<number>\d{1,9})[.)])(?:[ \t]|$)")
#: The last line may turn out to be a fence or a list; what it shows until then would flicker.
_UNDECIDED = re.compile(r"^ {0,12}(?:`{1,}|~{1,})[^`\n]*$")

#: A line of prose longer than this without a blank line is cut off where a paragraph could end.
_LONGEST_PROSE = 20_000
#: A list longer than this is handed out in parts.
_LONGEST_LIST = 800


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of Markdown.

    Attributes:
        kind: ``prose`` (anything but fenced code) or ``code``.
        text: Markdown, or the code without its fences.
        language: What the fence named, lower case.
        continues: Whether the next block goes on with the same list.
    """

    kind: Literal["prose", "code"]
    text: str
    language: str = ""
    continues: bool = False


class BlockSplitter:
    """Takes text as it comes and hands out blocks as they are finished."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._partial = ""
        self._fence: re.Match[str] | None = None
        self._in_list = False
        self._blank_before = False
        self._prose_length = 0
        self._number: int | None = None

    def feed(self, text: str) -> list[Block]:
        """Take a piece of text.

        Returns:
            Blocks that this piece finished, in order.
        """
        finished: list[Block] = []
        # A carriage return may come in a piece of its own, apart from its line feed.
        lines = (self._partial + text.replace("\r", "")).split("\n")
        self._partial = lines.pop()
        for line in lines:
            self._take(line, finished)
        return finished

    def finish(self) -> list[Block]:
        """The text ends here: hand out what is left."""
        finished: list[Block] = []
        if self._partial:
            self._take(self._partial, finished)
            self._partial = ""
        self._close(finished)
        return finished

    @property
    def growing(self) -> Block | None:
        """The block that is not finished yet, as it can be shown now; None when there is none."""
        if self._fence is not None:
            lines = [*self._lines, self._dedent(self._partial)] if self._partial else self._lines
            return Block("code", "\n".join(lines), _language(self._fence))
        lines = list(self._lines)
        if self._partial and not _UNDECIDED.match(self._partial):
            lines.append(self._partial)
        text = "\n".join(lines)
        return Block("prose", text) if text.strip() else None

    def _take(self, line: str, finished: list[Block]) -> None:
        if self._fence is not None:
            if self._closes_fence(line):
                self._close(finished)
            else:
                self._lines.append(self._dedent(line))
            return
        fence = _FENCE.match(line)
        if fence is not None and (len(fence["indent"]) <= 3 or self._in_list):
            self._close(finished)
            self._fence = fence
            return
        if not line.strip():
            if self._lines and not self._in_list:
                self._close(finished)
            elif self._lines:
                self._lines.append("")
                self._blank_before = True
            return
        item = _LIST_ITEM.match(line)
        is_item = item is not None
        if self._in_list and self._blank_before and not is_item and not line.startswith((" ", "\t")):
            self._close(finished)
        if self._prose_length > _LONGEST_PROSE and not self._in_list:
            self._close(finished)
        if item is not None and not line.startswith(" "):
            number = int(item["number"]) if item["number"] else None
            goes_on = self._number is None if number is None else number == (self._number or 0) + 1
            if self._in_list and goes_on and self._prose_length > _LONGEST_LIST:
                self._close(finished, continues=True)
            self._number = number
        if is_item:
            self._in_list = True
        self._blank_before = False
        self._lines.append(line)
        self._prose_length += len(line)

    def _close(self, finished: list[Block], *, continues: bool = False) -> None:
        if self._fence is not None:
            finished.append(Block("code", "\n".join(self._lines), _language(self._fence)))
        elif any(line.strip() for line in self._lines):
            finished.append(Block("prose", "\n".join(self._lines).rstrip("\n"), continues=continues))
        self._lines = []
        self._fence = None
        self._in_list = False
        self._blank_before = False
        self._prose_length = 0
        self._number = None

    def _closes_fence(self, line: str) -> bool:
        assert self._fence is not None
        marks = self._fence["marks"]
        stripped = line.strip()
        return len(stripped) >= len(marks) and set(stripped) == {marks[0]}

    def _dedent(self, line: str) -> str:
        """Take away as much indent as the fence has."""
        assert self._fence is not None
        indent = len(self._fence["indent"])
        head = line[:indent]
        return head.lstrip(" ") + line[indent:]


def _language(fence: re.Match[str]) -> str:
    words = fence["info"].split()
    return words[0].lower() if words else ""


def split_blocks(text: str) -> list[Block]:
    """All blocks of a whole text."""
    splitter = BlockSplitter()
    return [*splitter.feed(text), *splitter.finish()]
