"""Faults that the server can be told to have, each a number of times, on the requests that match."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "drop",  # end the connection after some bytes of the body
    "reset",  # the same with a TCP reset
    "stall",  # send no more after some bytes of the body, until the client goes
    "short",  # announce and send a shorter body than asked for
    "corrupt",  # flip one byte
    "ignore_range",  # answer 200 with the whole file, or its first bytes when after_bytes is set
    "wrong_range",  # answer 206 with another part
    "status",  # answer with a status
    "hang",  # accept the request and answer nothing
    "garbage",  # answer 200 with bytes that are no JSON
    "slow",  # send so many bytes per second
    "etag",  # promise another hash
    "no_etag",  # promise none
    "gzip",  # compress the body, as proxies do with text
]
Where = Literal["api", "resolve", "cdn", "any"]


@dataclass
class Fault:
    """One fault.

    Attributes:
        kind: What happens.
        where: On which requests: the API, file addresses on the Hub, or the other origin that has the bytes.
        path: Only on addresses that contain this.
        method: Only on this method.
        times: How often.
        skip: How many matching requests pass before.
        after_bytes: Bytes of the body before it happens (``corrupt``: offset in the file).
        status: For ``status``.
        headers: Further headers for ``status``.
        bytes_per_second: For ``slow``.
    """

    kind: Kind
    where: Where = "cdn"
    path: str = ""
    method: str = ""
    times: int = 1
    skip: int = 0
    after_bytes: int = 0
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    bytes_per_second: int = 0


class Faults:
    """The faults still to happen. Safe to use from any thread."""

    def __init__(self) -> None:
        self._pending: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Have this fault from now on."""
        with self._lock:
            self._pending.append(fault)

    def clear(self) -> None:
        """Work well from now on."""
        with self._lock:
            self._pending.clear()

    @property
    def pending(self) -> int:
        """How many faults have still to happen."""
        with self._lock:
            return sum(fault.times for fault in self._pending)

    def take(self, where: str, method: str, path: str) -> Fault | None:
        """The fault for a request, if any; it counts as happened."""
        with self._lock:
            for fault in self._pending:
                if fault.where not in ("any", where) or fault.path not in path or fault.method not in ("", method):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self._pending.remove(fault)
                return fault
        return None
