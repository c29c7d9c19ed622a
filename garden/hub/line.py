"""An HTTP client for one request at a time, so that its sockets can be shut while that request waits in them."""

from __future__ import annotations

import contextlib
import socket
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from garden.core.errors import CancelledByUser

if TYPE_CHECKING:
    import httpx2

#: A cancel is seen after so long at most; also how long the thread that looks for it outlives its request.
_LOOK_SECONDS = 0.1

#: Steps of the client: a socket was opened, or wrapped for TLS; a request is about to be sent.
_OPENED = (".connect_tcp.complete", ".start_tls.complete")
_SENDING = ".send_request_headers.started"


class Line:
    """One client and the sockets it has opened. Closing a client does not wake who waits in it; this does.

    Args:
        client: Used by nobody else.
    """

    def __init__(self, client: httpx2.Client) -> None:
        self.client = client
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def watched(self, cancelled: threading.Event) -> Iterator[Mapping[str, Any]]:
        """Extensions for the requests made meanwhile, which end as soon as ``cancelled`` is set.

        Raises:
            CancelledByUser: A request was about to go on after that; one that waits fails in some way of the client.
        """
        ended = threading.Event()

        def watch() -> None:
            while not cancelled.wait(_LOOK_SECONDS):
                if ended.is_set():
                    return
            # Under the lock: the next request on this line is none of our business.
            with self._lock:
                if not ended.is_set():
                    for opened in tuple(self._sockets):
                        _shut(opened)

        watcher = threading.Thread(target=watch, name="hub-cancel", daemon=True)
        watcher.start()
        try:
            yield {"trace": self._tracer(cancelled)}
        finally:
            with self._lock:
                ended.set()

    def shut(self) -> None:
        """Shut its sockets, whoever waits in them."""
        with self._lock:
            for opened in tuple(self._sockets):
                _shut(opened)

    def close(self) -> None:
        """Close the client."""
        self.client.close()

    def _tracer(self, cancelled: threading.Event) -> Callable[[str, Mapping[str, Any]], None]:
        def trace(step: str, facts: Mapping[str, Any]) -> None:
            if step.endswith(_OPENED):
                opened = facts["return_value"].get_extra_info("socket")
                with self._lock:
                    self._sockets.add(opened)
                # After it is known: if not by the watcher, it is shut here. The client closes it when it fails.
                if cancelled.is_set():
                    _shut(opened)
            elif cancelled.is_set() and step.endswith(_SENDING):
                raise CancelledByUser

        return trace


def _shut(opened: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # Not the method of a TLS socket, which first forgets its state under whoever reads.
        socket.socket.shutdown(opened, socket.SHUT_RDWR)
