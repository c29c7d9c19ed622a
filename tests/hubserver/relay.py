"""What stands between a client and a Hub in companies: a proxy that wants a password, and a Hub behind TLS."""

from __future__ import annotations

import base64
import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

_LOOPBACK = "127.0.0.1"
_MAX_HEAD = 65_536
_SECONDS = 20.0


class _Listener:
    """Answers each connection on a thread of its own, for as long as the ``with`` block lasts."""

    def __init__(self) -> None:
        self._closing = threading.Event()
        self._socket = socket.create_server((_LOOPBACK, 0))
        self._socket.settimeout(0.05)
        self.port: int = self._socket.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, name=type(self).__name__)

    def answer(self, client: socket.socket) -> None:
        """Answer one connection."""
        raise NotImplementedError

    def relay(self, one: socket.socket, other: socket.socket) -> None:
        """Carry bytes both ways until either side ends."""
        other_of = {one: other, other: one}
        while not self._closing.is_set():
            # What TLS has decrypted already does not show in the socket.
            ready = [each for each in other_of if isinstance(each, ssl.SSLSocket) and each.pending()]
            for each in ready or select.select(list(other_of), [], [], 0.05)[0]:
                data = each.recv(65_536)
                if not data:
                    return
                other_of[each].sendall(data)

    def _accept(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                client, _address = self._socket.accept()
                client.settimeout(_SECONDS)
                thread = threading.Thread(target=self._answered, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _answered(self, client: socket.socket) -> None:
        # Clients go when they please.
        with client, contextlib.suppress(OSError):
            self.answer(client)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._accepting.join()
        for thread in self._threads:
            thread.join(_SECONDS)
        self._socket.close()


class TlsFront(_Listener):
    """TLS in front of a plain port of this machine.

    Args:
        context: With the certificate.
        port: Where the plain server listens.
    """

    def __init__(self, context: ssl.SSLContext, port: int) -> None:
        super().__init__()
        self._context = context
        self._plain = port

    def answer(self, client: socket.socket) -> None:
        """Decrypt, and carry on."""
        with (
            self._context.wrap_socket(client, server_side=True) as secure,
            socket.create_connection((_LOOPBACK, self._plain), _SECONDS) as plain,
        ):
            self.relay(secure, plain)


class Proxy(_Listener):
    """A proxy that wants a name and a password: tunnels, and requests for plain addresses.

    Args:
        ports: Ports of this machine by the ``host:port`` that they stand for; others are refused.
        user: The name.
        password: The password.

    Attributes:
        seen: First line of every request that was let through, and ``407`` for each that was not.
    """

    def __init__(self, ports: Mapping[str, int], user: str, password: str) -> None:
        super().__init__()
        self._ports = ports
        self._expected = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
        self.seen: list[str] = []

    def answer(self, client: socket.socket) -> None:
        """Let through who knows the password."""
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(4_096)
            if not data or len(head) > _MAX_HEAD:
                return
            head += data
        text, _, rest = head.partition(b"\r\n\r\n")
        first, *lines = text.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if headers.get("proxy-authorization") != self._expected:
            self.seen.append("407")
            client.sendall(
                b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n"
                b"Connection: close\r\n\r\n"
            )
            return
        method, target, version = first.split(" ")
        if method == "CONNECT":
            place, greeting = target, b""
        else:
            host, _, path = target.removeprefix("http://").partition("/")
            place = host if ":" in host else f"{host}:80"
            kept = [line for line in lines if not line.lower().startswith(("proxy-", "connection:"))]
            forwarded = [f"{method} /{path} {version}", *kept, "Connection: close", "", ""]
            greeting = "\r\n".join(forwarded).encode("latin-1")
        if place not in self._ports:
            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        self.seen.append(first)
        with socket.create_connection((_LOOPBACK, self._ports[place]), _SECONDS) as server:
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            server.sendall(greeting + rest)
            self.relay(client, server)
