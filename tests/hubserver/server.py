"""A Hub on this machine: real HTTP on the loopback interface, on two origins, with faults on demand."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Sequence
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any

from tests.hubserver.faults import Fault, Faults
from tests.hubserver.handler import CdnHandler, HubHandler, OriginHandler
from tests.hubserver.repository import ServedRepository
from tests.hubserver.state import LoggedRequest, State

_LOOPBACK = "127.0.0.1"


class _Origin(ThreadingHTTPServer):
    """One origin; knows its open connections, so that none outlives it."""

    daemon_threads = True
    # Hundreds of connections may come at once from transfers that retry.
    request_queue_size = 128

    def __init__(self, handler: type[OriginHandler], state: State, port: int) -> None:
        self._state = state
        self._open: set[socket.socket] = set()
        self._serving: set[threading.Thread] = set()
        self._lock = threading.Lock()
        super().__init__((_LOOPBACK, port), type(handler.__name__, (handler,), {"state": state}))
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name=f"hub-{handler.origin}")

    @property
    def url(self) -> str:
        return f"http://{_LOOPBACK}:{self.server_port}"

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self.shutdown()
        self._thread.join()
        with self._lock:
            connections, serving = tuple(self._open), tuple(self._serving)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in serving:
            thread.join(5)
        self.server_close()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._serving.add(threading.current_thread())
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._serving.discard(threading.current_thread())

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        # A client that went away is an ordinary end.
        if error is not None and not isinstance(error, ConnectionError | TimeoutError):
            self._state.unexpected.append(error)


class HubServer:
    """A Hub for as long as the ``with`` block lasts.

    Args:
        repositories: What it serves.
        accounts: Token to account name.
        consented: Tokens that may read gated repositories.
        port: Of the Hub itself; any free one when 0.

    Example:
        ``with HubServer([repository("o/r", **{"a.gguf": data})]) as hub: HubClient(hub.endpoint, None)``
    """

    def __init__(
        self,
        repositories: Sequence[ServedRepository] = (),
        *,
        accounts: dict[str, str] | None = None,
        consented: set[str] | None = None,
        port: int = 0,
    ) -> None:
        self.state = State({}, accounts=accounts or {}, consented=consented or set())
        self.state.put(repositories)
        self._hub = _Origin(HubHandler, self.state, port)
        self._cdn = _Origin(CdnHandler, self.state, 0)
        self.state.hub_url, self.state.cdn_url = self._hub.url, self._cdn.url

    @property
    def endpoint(self) -> str:
        """Base address of the Hub."""
        return self._hub.url

    @property
    def cdn(self) -> str:
        """Base address of the other origin."""
        return self._cdn.url

    @property
    def requests(self) -> list[LoggedRequest]:
        """What arrived so far, in order."""
        return list(self.state.requests)

    @property
    def faults(self) -> Faults:
        """Faults still to happen."""
        return self.state.faults

    def fail(self, fault: Fault) -> None:
        """Have a fault from now on."""
        self.state.faults.add(fault)

    def __enter__(self) -> HubServer:
        self._hub.start()
        self._cdn.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.state.closing.set()
        self._hub.end()
        self._cdn.end()
        if error is None and self.state.unexpected:
            raise AssertionError("the Hub server itself failed") from self.state.unexpected[0]
