"""Answers and faults of the network as errors that a user can read."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from garden.core.errors import (
    GardenError,
    GatedError,
    HubError,
    HubTroubleError,
    HubUnreachableError,
    NetworkAwayError,
    NotFoundError,
    OfflineError,
    RateLimitedError,
    RevisionGoneError,
    TokenRefusedError,
    UnauthorizedError,
)
from garden.core.quantity import format_duration
from garden.hub.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A pause longer than this is told, but not believed when Garden waits by itself.
MAX_RETRY_AFTER_SECONDS = 3600.0

_TRY_AGAIN = "Try again in a moment."
_CHECK_NETWORK = "Check the network connection, then try again; models on this machine work without it."
_SET_TOKEN = "Set a token in Settings (or HF_TOKEN for the command line)."


@dataclass(frozen=True, slots=True)
class Subject:
    """What a request was about, for the sentence.

    Attributes:
        host: The Hub's host.
        repo_id: Repository, None for lists and accounts.
        revision: Branch, tag or commit that was asked for.
        filename: File, None for the repository itself.
        page: Address of the repository's page, for consent.
        with_token: Whether a token was sent.
    """

    host: str
    repo_id: str | None = None
    revision: str | None = None
    filename: str | None = None
    page: str = ""
    with_token: bool = False


_GO_ONLINE = "Go online in the settings or with `garden hub online`; where HF_HUB_OFFLINE is set, start without it."


def offline_error() -> OfflineError:
    """The error of every request while the user works offline."""
    return OfflineError("Garden is working offline, as set.", _GO_ONLINE)


def error_from_status(status: int, headers: Mapping[str, str], subject: Subject) -> GardenError:
    """The error that an answer of 400 or above stands for.

    Args:
        status: HTTP status.
        headers: Headers with case-insensitive names.
        subject: What was asked for.
    """
    code = headers.get("X-Error-Code", "")
    detail = redact(f"HTTP {status} {code} {headers.get('X-Error-Message', '')[:500]}".strip())
    if status == 429:
        return _rate_limited(headers, detail)
    if status >= 500:
        return HubTroubleError(f"{subject.host} has trouble at the moment (error {status}).", _TRY_AGAIN, detail)
    if code == "GatedRepo":
        return _gated(subject, detail)
    if code in ("RepoNotFound", "RevisionNotFound", "EntryNotFound") or status in (404, 410):
        return _not_found(code, subject, detail)
    if status == 401:
        return _unauthorized(subject, detail)
    if status == 403:
        return UnauthorizedError(
            f"{subject.host} refuses access to {subject.repo_id or 'this'}.",
            "Use a token that may read it, or choose another repository." if subject.with_token else _SET_TOKEN,
            detail,
        )
    if status == 407:
        return HubUnreachableError(
            "The proxy wants a name and a password.",
            "Put them into the proxy's address (HTTPS_PROXY), then start Garden again.",
            detail,
        )
    if status == 408:
        return NetworkAwayError(f"{subject.host} took too long to answer.", _TRY_AGAIN, detail)
    return HubError(
        f"{subject.host} did not accept the request (error {status}).",
        "Check the Hub's address in Settings.",
        detail,
    )


def _rate_limited(headers: Mapping[str, str], detail: str) -> RateLimitedError:
    seconds = retry_after_seconds(headers)
    wait = f"It can be asked again in {format_duration(seconds)}." if seconds is not None else "Wait a few minutes."
    return RateLimitedError("The Hub asks for a pause: too many requests.", wait, detail, retry_after_seconds=seconds)


def _gated(subject: Subject, detail: str) -> GatedError:
    name = subject.repo_id or "this repository"
    page = f" ({subject.page})" if subject.page else ""
    if subject.with_token:
        return GatedError(
            f"The publisher of {name} asks for your consent first.",
            f"Accept the terms on its page{page} with the account of your token, then try again.",
            detail,
            with_token=True,
        )
    return GatedError(
        f"The publisher of {name} asks for your consent first.",
        f"Accept the terms on its page{page}. {_SET_TOKEN}",
        detail,
    )


def _not_found(code: str, subject: Subject, detail: str) -> NotFoundError:
    if subject.filename and code not in ("RepoNotFound", "RevisionNotFound"):
        return NotFoundError(
            f"There is no file '{subject.filename}' in {subject.repo_id}.",
            "Look at the list of its files: it may have been renamed.",
            detail,
        )
    if code == "RevisionNotFound" and subject.repo_id:
        return RevisionGoneError(
            f"{subject.repo_id} has no revision '{(subject.revision or '')[:80]}'.",
            "Leave the revision out to take the newest one.",
            detail,
        )
    if subject.repo_id:
        return NotFoundError(
            f"There is no repository {subject.repo_id} on {subject.host} that you may see.",
            "Check its spelling; for a private one a token is needed.",
            detail,
        )
    return NotFoundError(
        f"{subject.host} does not answer as a Hub does.", "Check the Hub's address in Settings.", detail
    )


def _unauthorized(subject: Subject, detail: str) -> GardenError:
    if subject.with_token:
        return TokenRefusedError(
            f"{subject.host} does not accept the token: it is wrong, expired or revoked.",
            "Sign in again in Settings, or sign out: public models need no token.",
            detail,
        )
    if subject.repo_id:
        # Without a token the Hub answers the same for what is missing and for what is private.
        return _not_found("RepoNotFound", subject, detail)
    return UnauthorizedError(f"{subject.host} wants a token.", _SET_TOKEN, detail)


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """How long the Hub asks to wait: its ``RateLimit`` header, else a numeric ``Retry-After``; None when not told."""
    from garden.hub.hub_library import rate_limit_reset

    reset = rate_limit_reset(headers)
    if reset is None:
        value = headers.get("Retry-After", "").strip()
        reset = int(value) if value.isascii() and value.isdigit() and len(value) < 7 else None
    return None if reset is None else min(float(reset), MAX_RETRY_AFTER_SECONDS)


def error_from_exception(error: Exception, host: str) -> HubUnreachableError:
    """The error that a failed connection stands for: name not found, refused, certificate, proxy, time limit, reset."""
    import httpx2

    detail = redact(f"{type(error).__name__}: {error}")
    causes = tuple(_chain(error))
    if isinstance(error, httpx2.ProxyError):
        return HubUnreachableError(
            "The proxy did not let the request through.",
            "Check the proxy's address and password (HTTPS_PROXY), then start Garden again.",
            detail,
        )
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return HubUnreachableError(
            f"The certificate of {host} is not trusted by this machine.",
            "If your company's network inspects traffic, add its certificate to the system's (or set SSL_CERT_FILE).",
            detail,
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return HubUnreachableError(f"No secure connection to {host}.", _CHECK_NETWORK, detail)
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return NetworkAwayError(f"No network, or no server named {host}.", _CHECK_NETWORK, detail)
    if isinstance(error, httpx2.TimeoutException):
        return NetworkAwayError(f"{host} did not answer in time.", _CHECK_NETWORK, detail)
    if any(isinstance(cause, ConnectionRefusedError) or _is_refused(cause) for cause in causes):
        return NetworkAwayError(
            f"{host} refuses connections.", "Check the Hub's address in Settings, then try again.", detail
        )
    if isinstance(error, httpx2.ConnectError):
        return NetworkAwayError(f"No connection to {host}.", _CHECK_NETWORK, detail)
    return NetworkAwayError(f"The connection to {host} broke off.", _CHECK_NETWORK, detail)


def _is_refused(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno == errno.ECONNREFUSED


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    for _ in range(10):
        if current is None:
            return
        yield current
        current = current.__cause__ or current.__context__
