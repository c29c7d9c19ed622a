"""Sends an answer on while it grows: the first token at once, later ones together."""

from __future__ import annotations

import time
from collections.abc import Callable

from garden.core.messages import Delta

#: Tokens are held for so long, or so many of them, at most: more updates than 60 a second no reader sees.
BATCH_SECONDS = 0.015
BATCH_TOKENS = 8


class DeltaBatch:
    """Collects tokens and their text into Deltas.

    Args:
        send: Where they go.
        request_id: Whose answer it is.
        clock: Seconds.
    """

    def __init__(
        self, send: Callable[[Delta], None], request_id: int, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._send = send
        self._request_id = request_id
        self._clock = clock
        self._text = ""
        self._tokens: list[int] = []
        self._sent_at: float | None = None

    def add(self, token: int, text: str) -> None:
        """Take one token and the text that may be shown since."""
        self._tokens.append(token)
        self._text += text
        now = self._clock()
        due = self._sent_at is None or now - self._sent_at >= BATCH_SECONDS
        if due or len(self._tokens) >= BATCH_TOKENS:
            self._flush(now)

    def finish(self, text: str) -> None:
        """Send what is left, with the text that was held back to the end."""
        self._text += text
        if self._text or self._tokens:
            self._flush(self._clock())

    def _flush(self, now: float) -> None:
        self._send(Delta(request_id=self._request_id, text=self._text, token_ids=tuple(self._tokens)))
        self._text, self._tokens, self._sent_at = "", [], now
