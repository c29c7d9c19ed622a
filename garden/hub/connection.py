"""One connection to one Hub: time limits on everything, sizes bounded, the token only where it belongs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import garden
from garden.core.errors import CancelledByUser, GardenError, HubError, HubUnreachableError, RateLimitedError
from garden.core.quantity import format_duration
from garden.hub.address import Endpoint
from garden.hub.authorities import trusted_authorities
from garden.hub.failure import Subject, error_from_exception, error_from_status, offline_error
from garden.hub.line import Line

if TYPE_CHECKING:
    import ssl

    import httpx2

MAX_REDIRECTS = 5

#: Connecting is quick or does not happen.
_CONNECT_SECONDS = 10.0

#: As many requests that can be cancelled are sent at once; more are rare.
_IDLE_LINES = 4

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer.

    Attributes:
        url: Address it came from, after redirects.
        headers: Headers with case-insensitive names.
        body: The content, at most as long as was asked for.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes


class HubConnection:
    """Requests to one Hub. Safe to use from any thread.

    Args:
        endpoint: Base address.
        token: Sent to the endpoint's own origin over https (or loopback) only; None sends none.
        offline: Refuse every request.
        timeout_seconds: Longest silence, and longest time for a whole answer that is read into memory.
    """

    def __init__(self, endpoint: str, token: str | None, *, offline: bool, timeout_seconds: float) -> None:
        self.url = endpoint.strip().rstrip("/")
        self.timeout_seconds = timeout_seconds
        self._token = token.strip() if token else None
        self._offline = offline
        self._lock = threading.Lock()
        self._client: httpx2.Client | None = None
        # Idle ones, for requests that can be cancelled.
        self._lines: list[Line] = []
        self._busy: set[Line] = set()
        self._tls: ssl.SSLContext | None = None
        self._paused_until = 0.0

    @property
    def endpoint(self) -> Endpoint:
        """The address, checked.

        Raises:
            RefusedError: It is not a web address.
        """
        return Endpoint.parse(self.url)

    def close(self) -> None:
        """Close idle connections."""
        with self._lock:
            client, self._client = self._client, None
            lines, self._lines = self._lines, []
        if client is not None:
            client.close()
        for line in lines:
            line.close()

    def cut(self) -> None:
        """Refuse every request from now on, and end those under way that can be cancelled."""
        with self._lock:
            self._offline = True
            busy = tuple(self._busy)
        for line in busy:
            line.shut()
        self.close()

    def subject(self, repo_id: str | None = None, revision: str | None = None, filename: str | None = None) -> Subject:
        """What a request is about, for sentences."""
        endpoint = self.endpoint
        return Subject(
            host=endpoint.host,
            repo_id=repo_id,
            revision=revision,
            filename=filename,
            page=f"{endpoint.url}/{repo_id}" if repo_id else "",
            with_token=self.sends_token,
        )

    @property
    def sends_token(self) -> bool:
        """Whether requests to the endpoint carry a token."""
        return self._token is not None and self.endpoint.may_see_token(self.endpoint.url)

    def get(
        self,
        url: str,
        subject: Subject,
        *,
        parameters: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        limit_bytes: int,
        truncate: bool = False,
        cancelled: threading.Event | None = None,
    ) -> Answer:
        """Read an answer into memory.

        Args:
            url: Address; one that begins with a slash is below the endpoint.
            subject: What it is about.
            parameters: Query string.
            headers: Further headers.
            limit_bytes: Longest answer.
            truncate: Stop there instead of refusing it.
            cancelled: Set by whoever does not want the answer any more; the request ends then, unless it waits for
                the connection itself, which is for some seconds only.

        Raises:
            CancelledByUser: ``cancelled`` was set.
            GardenError: No answer, an answer of 400 or above, too late or too long.
        """
        deadline = time.monotonic() + self.timeout_seconds
        try:
            with self.stream(
                "GET", url, subject, parameters=parameters, headers=headers, cancelled=cancelled
            ) as response:
                body = self._body(response, subject, limit_bytes, deadline)
        except GardenError:
            if cancelled is None or not cancelled.is_set():
                # What the client makes of a socket that was shut under it says nothing to anybody.
                self._check_online()
                raise
        if cancelled is not None and cancelled.is_set():
            # Whatever the client made of a socket that was shut under it: an error, or an answer that is cut off.
            raise CancelledByUser
        if len(body) > limit_bytes and not truncate:
            raise HubError(f"{subject.host} sent more than it should.", "Check the Hub's address in Settings.")
        return Answer(str(response.url), response.headers, body[:limit_bytes])

    def _body(self, response: httpx2.Response, subject: Subject, limit_bytes: int, deadline: float) -> bytes:
        """The content, as far as the limit and a little beyond."""
        pieces: list[bytes] = []
        size = 0
        with translated(subject.host):
            for piece in response.iter_bytes():
                pieces.append(piece)
                size += len(piece)
                if size >= limit_bytes:
                    break
                if time.monotonic() > deadline:
                    raise HubUnreachableError(
                        f"{subject.host} did not finish its answer within {format_duration(self.timeout_seconds)}.",
                        "Try again in a moment.",
                    )
        return b"".join(pieces)

    @contextlib.contextmanager
    def stream(
        self,
        method: str,
        url: str,
        subject: Subject,
        *,
        parameters: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        on_redirect: Callable[[Mapping[str, str]], bool] | None = None,
        cancelled: threading.Event | None = None,
    ) -> Iterator[httpx2.Response]:
        """Send a request and hand over its answer with the body still to be read.

        Args:
            method: GET or HEAD.
            url: Address; one that begins with a slash is below the endpoint.
            subject: What it is about.
            parameters: Query string.
            headers: Further headers; an ``Authorization`` among them is not sent.
            on_redirect: Sees the headers of each redirect; False hands that answer over instead of following it.
            cancelled: As in ``get``.

        Raises:
            GardenError: No answer, or an answer of 400 or above.
        """
        endpoint = self.endpoint
        self._check_allowed()
        # Not urljoin: a mirror may live below a path of its host.
        target = url if "://" in url else endpoint.url + url
        with self._client_for(cancelled) as (client, extensions):
            for _ in range(MAX_REDIRECTS + 1):
                with translated(subject.host):
                    request = client.build_request(
                        method,
                        target,
                        params=list(parameters) or None,
                        headers=self._headers_for(target, headers or {}),
                        extensions=dict(extensions),
                    )
                    response = self._send(client, request)
                try:
                    location = response.headers.get("Location")
                    if response.status_code in _REDIRECTS and location:
                        following = urljoin(target, location)
                        if not endpoint.may_follow(target, following):
                            raise HubError(
                                f"{subject.host} points to an address that is not safe to follow.",
                                "Check the Hub's address in Settings.",
                            )
                        if on_redirect is None or on_redirect(response.headers):
                            target, parameters = following, ()
                            continue
                    if response.status_code >= 400:
                        raise self._refusal(response, subject, at_home=_same_origin(endpoint, target))
                    yield response
                    return
                finally:
                    response.close()
        raise HubError(f"{subject.host} redirects in circles.", "Check the Hub's address in Settings.")

    def _send(self, client: httpx2.Client, request: httpx2.Request) -> httpx2.Response:
        import httpx2

        try:
            return client.send(request, stream=True)
        except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
            self._check_online()
            # A kept connection that the server closed meanwhile; a second one is new.
            return client.send(request, stream=True)

    def _headers_for(self, url: str, headers: Mapping[str, str]) -> dict[str, str]:
        sent = {name: value for name, value in headers.items() if name.lower() != "authorization"}
        sent["User-Agent"] = f"garden/{garden.__version__}"
        if self._token is not None and self.endpoint.may_see_token(url):
            sent["Authorization"] = f"Bearer {self._token}"
        return sent

    def _refusal(self, response: httpx2.Response, subject: Subject, *, at_home: bool) -> GardenError:
        if not at_home and response.status_code in (401, 403, 404, 410):
            # Not the Hub refuses but the place that has the bytes: its addresses hold for some minutes only.
            return HubError(
                f"{subject.host} gave a download address that is not valid any more (error {response.status_code}).",
                "Try again in a moment.",
            )
        error = error_from_status(response.status_code, response.headers, subject)
        if isinstance(error, RateLimitedError) and error.retry_after_seconds is not None:
            # Asking on would only prolong it: until then requests are refused here, at once.
            self._paused_until = time.monotonic() + error.retry_after_seconds
        return error

    def _check_online(self) -> None:
        if self._offline:
            raise offline_error()

    def _check_allowed(self) -> None:
        self._check_online()
        if (seconds := self._paused_until - time.monotonic()) > 0:
            raise RateLimitedError(
                "The Hub asked for a pause: too many requests.",
                f"It can be asked again in {format_duration(seconds)}.",
                retry_after_seconds=seconds,
            )

    @contextlib.contextmanager
    def _client_for(self, cancelled: threading.Event | None) -> Iterator[tuple[httpx2.Client, Mapping[str, Any]]]:
        """Who sends a request, and its extensions: a line of its own when it can be cancelled, kept for the next."""
        if cancelled is None:
            yield self._open_client(), {}
            return
        if cancelled.is_set():
            raise CancelledByUser
        with self._lock:
            # After ``cut`` no line may be made that it did not see.
            self._check_online()
            lines = self._lines
            line = lines.pop() if lines else Line(self._new_client())
            self._busy.add(line)
        try:
            with line.watched(cancelled) as extensions:
                yield line.client, extensions
        finally:
            with self._lock:
                self._busy.discard(line)
                keep = lines is self._lines and not cancelled.is_set() and len(lines) < _IDLE_LINES
                if keep:
                    lines.append(line)
            if not keep:
                line.close()

    def _open_client(self) -> httpx2.Client:
        with self._lock:
            self._check_online()
            if self._client is None:
                self._client = self._new_client()
            return self._client

    def _new_client(self) -> httpx2.Client:
        """A client; the lock is held."""
        import httpx2

        if self._tls is None:
            # A tenth of a second, for the certificates of all authorities: once.
            self._tls = trusted_authorities()
        timeout = httpx2.Timeout(
            self.timeout_seconds, connect=min(_CONNECT_SECONDS, self.timeout_seconds), pool=self.timeout_seconds
        )
        direct = {f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")}
        return httpx2.Client(timeout=timeout, follow_redirects=False, mounts=direct, verify=self._tls)


@contextlib.contextmanager
def translated(host: str) -> Iterator[None]:
    """Turn every fault of the HTTP client into an error that a user can read."""
    import httpx2

    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        raise error_from_exception(error, host) from error
    except (UnicodeError, ValueError) as error:
        raise HubError(
            f"{host} sent an answer that cannot be read.", "Check the Hub's address in Settings.", str(error)[:500]
        ) from error


def _same_origin(endpoint: Endpoint, url: str) -> bool:
    return urlsplit(url).netloc.lower() == urlsplit(endpoint.url).netloc.lower()
