"""A file on the Hub, read by ranges: enough for a header without fetching the model."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

from garden.core.errors import CancelledByUser, GardenError, HubError, HubUnreachableError, RateLimitedError
from garden.hub.connection import Answer, HubConnection
from garden.hub.failure import Subject

KIB = 1024

#: Most hyperparameters of a GGUF file come within the first window; a vocabulary needs the larger ones.
FIRST_WINDOW_BYTES = 64 * KIB
LARGEST_WINDOW_BYTES = 4096 * KIB

#: A header longer than this is refused by the reader anyway; older windows are forgotten first.
_KEPT_BYTES = 64 * 1024 * KIB

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


class RemoteSource:
    """Bytes of one file of one commit.

    Reading on from where a window ended makes the next one larger; of any other place comes what was asked for.

    Args:
        connection: The Hub.
        path: Address of the file, relative to the endpoint.
        subject: What it is, for sentences.
        size_bytes: Size that the list of files named.
        cancelled: Set by whoever does not want it any more; a read ends then.
        first_window_bytes: Of the first window from the start.
    """

    def __init__(
        self,
        connection: HubConnection,
        path: str,
        subject: Subject,
        size_bytes: int,
        cancelled: threading.Event | None = None,
        *,
        first_window_bytes: int = FIRST_WINDOW_BYTES,
    ) -> None:
        self.size_bytes = size_bytes
        self._connection = connection
        self._path = path
        self._subject = subject
        self._windows: list[tuple[int, bytes]] = []
        self._next_window = first_window_bytes
        self._location: str | None = None
        self._cancelled = cancelled
        self._lock = threading.Lock()

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from ``offset``; fewer than ``length`` only at the end of the file.

        Raises:
            CancelledByUser: ``cancelled`` was set.
            GardenError: The Hub cannot be reached, refuses, or sends something else than was asked for.
        """
        if offset < 0 or length < 0:
            raise ValueError("offset and length must not be negative")
        end = min(offset + length, self.size_bytes)
        pieces: list[bytes] = []
        with self._lock:
            while offset < end:
                piece = self._kept(offset, end)
                if not piece:
                    self._fetch(offset, end - offset)
                    continue
                pieces.append(piece)
                offset += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _kept(self, offset: int, end: int) -> bytes:
        for start, data in reversed(self._windows):
            if start <= offset < start + len(data):
                return data[offset - start : end - start]
        return b""

    def _fetch(self, offset: int, needed: int) -> None:
        length = needed
        if offset == 0 or any(start + len(data) == offset for start, data in self._windows):
            length = max(self._next_window, needed)
            self._next_window = min(self._next_window * 4, LARGEST_WINDOW_BYTES)
        length = min(length, LARGEST_WINDOW_BYTES, self.size_bytes - offset)
        answer = self._request(offset, length)
        data = answer.body
        status_range = answer.headers.get("Content-Range")
        if status_range is None:
            # The whole file from the start: a server without ranges. Its beginning is as good, what follows is not.
            if offset:
                raise HubError(
                    f"{self._subject.host} cannot send parts of a file.", "Download the file to see more of it."
                )
        else:
            self._check_range(status_range, offset)
        if not data:
            raise HubUnreachableError(f"The connection to {self._subject.host} broke off.", "Try again in a moment.")
        self._windows.append((offset, data))
        kept = sum(len(window) for _, window in self._windows)
        while kept > _KEPT_BYTES and len(self._windows) > 1:
            kept -= len(self._windows.pop(0)[1])

    def _check_range(self, header: str, offset: int) -> None:
        match = _CONTENT_RANGE.fullmatch(header)
        if match is None or int(match[1]) != offset or (match[3] != "*" and int(match[3]) != self.size_bytes):
            raise HubError(
                f"{self._subject.host} sent another part of '{self._subject.filename}' than was asked for.",
                "Load the list of files again: the file may have changed.",
            )

    def _request(self, offset: int, length: int) -> Answer:
        headers = {"Range": f"bytes={offset}-{offset + length - 1}", "Accept-Encoding": "identity"}
        if self._location is not None:
            try:
                return self._get(self._location, headers, length)
            except (CancelledByUser, RateLimitedError):
                raise
            except GardenError:
                # The signature of the address may have expired: ask the Hub for a new one.
                self._location = None
        answer = self._get(self._path, headers, length)
        if urlsplit(answer.url).netloc != urlsplit(self._connection.url).netloc:
            self._location = answer.url
        return answer

    def _get(self, url: str, headers: Mapping[str, str], length: int) -> Answer:
        return self._connection.get(
            url, self._subject, headers=headers, limit_bytes=length, truncate=True, cancelled=self._cancelled
        )
