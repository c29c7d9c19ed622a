"""Bytes of tokens to text that may be shown: whole characters only, and never the beginning of a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class TextStream:
    """Collects an answer.

    Args:
        stops: Strings that end the answer; none of their characters is ever handed out.

    Attributes:
        stopped: Whether a stop string was met; nothing more is taken then.
    """

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        # One invalid byte becomes one replacement character; it does not hold back what follows.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._given: list[str] = []
        self.stopped = False

    @property
    def text(self) -> str:
        """Everything handed out so far."""
        return "".join(self._given)

    def feed(self, piece: bytes) -> str:
        """Take the bytes of one token; the text that may be shown now."""
        if self.stopped:
            return ""
        self._held += self._decoder.decode(piece)
        return self._give(self._safe_length())

    def finish(self) -> str:
        """The answer ended: hand out what was held back, since no stop string came of it."""
        if self.stopped:
            return ""
        self._held += self._decoder.decode(b"", final=True)
        self._safe_length()
        return self._give(len(self._held))

    def _safe_length(self) -> int:
        """How many held characters cannot belong to a stop string; cuts at one that is complete."""
        ends = [index for stop in self._stops if (index := self._held.find(stop)) >= 0]
        if ends:
            self.stopped = True
            self._held = self._held[: min(ends)]
            return len(self._held)
        longest = 0
        for stop in self._stops:
            for length in range(min(len(stop) - 1, len(self._held)), longest, -1):
                if self._held.endswith(stop[:length]):
                    longest = length
                    break
        return len(self._held) - longest

    def _give(self, length: int) -> str:
        text, self._held = self._held[:length], self._held[length:]
        if text:
            self._given.append(text)
        return text
