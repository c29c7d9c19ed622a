"""The Hub token: in the system's keychain where there is one, else for this session only. Never in a file of ours."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from garden.core.errors import StateError
from garden.store.settings import PUBLIC_HUB

_SERVICE = "garden"

#: Names that huggingface_hub reads, the newest first.
_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_MAX_TOKEN_BYTES = 4096


class Keychain(Protocol):
    """A place for secrets, as ``keyring`` offers it."""

    def get_password(self, service_name: str, username: str) -> str | None:
        """The secret, None when there is none."""

    def set_password(self, service_name: str, username: str, password: str) -> None:
        """Keep a secret."""

    def delete_password(self, service_name: str, username: str) -> None:
        """Forget a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundToken:
    """A token that other tools keep on this machine; offered to the user, never copied.

    Attributes:
        place: Where it lies, for the user to read: a variable's name or a file's path.
    """

    place: str


class TokenStore:
    """Tokens by Hub. Safe to use from any thread; the first question may take a moment (a keychain may ask the user).

    Args:
        keychain: Where to keep tokens; None uses the session's memory.
        find: Finds the keychain when the first question comes, e.g. ``system_keychain``; looking takes a moment.
    """

    def __init__(self, keychain: Keychain | None = None, *, find: Callable[[], Keychain | None] | None = None) -> None:
        self._found = keychain
        self._find = find
        self._lock = threading.Lock()
        self._known: dict[str, str | None] = {}
        #: Hosts of which the keychain holds a token, not always the one in use: it may have refused a newer one.
        self._in_keychain: set[str] = set()
        self._session_only: set[str] = set()

    @property
    def _keychain(self) -> Keychain | None:
        if self._find is not None:
            self._found, self._find = self._find(), None
        return self._found

    def get(self, endpoint: str, *, use_existing: bool = False) -> str | None:
        """The token for a Hub.

        Args:
            endpoint: Base address of the Hub; a token belongs to one host.
            use_existing: Whether the user consented to use what other tools keep.
        """
        host = _host(endpoint)
        with self._lock:
            if host not in self._known:
                self._known[host] = self._ask_keychain(host)
            own = self._known[host]
        if own is None and use_existing and host in _hosts_of_existing():
            return _existing()[0]
        return own

    def set(self, endpoint: str, token: str | None) -> None:
        """Keep a token, or forget it with None.

        Raises:
            StateError: It is no token: empty, or with spaces or line ends inside. Or the keychain does not give up the
                one to forget, which then stays in use, as it would be in the next session.
        """
        host = _host(endpoint)
        token = checked_token(token) if token is not None else None
        with self._lock:
            if token is None:
                self._remove(host)
            else:
                self._keep(host, token)
            self._known[host] = token

    def _keep(self, host: str, token: str) -> None:
        self._session_only.add(host)
        if self._keychain is None:
            return
        # A keychain that is locked or gone is no reason to lose the token: it stays for this session.
        with contextlib.suppress(Exception):
            self._keychain.set_password(_SERVICE, host, token)
            self._in_keychain.add(host)
            self._session_only.discard(host)

    def _remove(self, host: str) -> None:
        if self._keychain is not None:
            try:
                self._keychain.delete_password(_SERVICE, host)
            except Exception as error:
                # Keychains complain of what is not there, too; one that does not answer holds what it held.
                if self._is_in_keychain(host):
                    raise StateError(
                        "The token could not be forgotten: it is still in the keychain.",
                        "Unlock the keychain, then try again.",
                        repr(error),
                    ) from error
        self._in_keychain.discard(host)
        self._session_only.discard(host)

    def _is_in_keychain(self, host: str) -> bool:
        assert self._keychain is not None
        try:
            return bool(self._keychain.get_password(_SERVICE, host))
        except Exception:
            return host in self._in_keychain

    def place(self, endpoint: str) -> str:
        """Where the token for a Hub lies: ``keychain``, ``session`` or ``none``."""
        host = _host(endpoint)
        if self.get(endpoint) is None:
            return "none"
        return "keychain" if host in self._in_keychain - self._session_only else "session"

    def found_elsewhere(self, endpoint: str) -> FoundToken | None:
        """A token that other tools keep on this machine and send to this Hub, None when there is none."""
        if _host(endpoint) not in _hosts_of_existing():
            return None
        token, place = _existing()
        return FoundToken(place=place) if token is not None else None

    def _ask_keychain(self, host: str) -> str | None:
        if self._keychain is None:
            return None
        with contextlib.suppress(Exception):
            token = self._keychain.get_password(_SERVICE, host)
            if token:
                self._in_keychain.add(host)
                return token
        return None


def checked_token(token: str) -> str:
    """A token as it was typed, without the blanks around it.

    Raises:
        StateError: It is no token: empty, or with spaces or line ends inside.
    """
    token = token.strip()
    if not token or len(token) > _MAX_TOKEN_BYTES or not token.isprintable() or " " in token or not token.isascii():
        raise StateError("This is not a token.", "Copy the whole token from the Hub's settings; it starts with hf_.")
    return token


def system_keychain() -> Keychain | None:
    """The system's keychain; None when there is none, or only one that keeps secrets in plain files."""
    try:
        import keyring

        backend = keyring.get_keyring()
        return backend if backend.priority >= 1 else None
    except Exception:
        # Back ends are plug-ins of whoever packaged the system; what they raise is not ours to list.
        return None


def _host(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    return (parts.netloc.rpartition("@")[2] or endpoint).lower()


def _hosts_of_existing() -> set[str]:
    """Hosts that the tools which keep a token would send it to; an address typed into our settings is not one."""
    return {_host(PUBLIC_HUB), _host(os.environ.get("HF_ENDPOINT") or PUBLIC_HUB)}


def _existing() -> tuple[str | None, str]:
    """A token as huggingface_hub would find it, and where."""
    for variable in _VARIABLES:
        token = os.environ.get(variable, "").strip()
        if token:
            return token, variable
    path = _token_file()
    try:
        with path.open("rb") as stream:
            token = stream.read(_MAX_TOKEN_BYTES).decode("utf-8", "replace").strip()
    except OSError:
        return None, ""
    return (token, str(path)) if token else (None, "")


def _token_file() -> Path:
    named = os.environ.get("HF_TOKEN_PATH")
    if named:
        return Path(named).expanduser()
    home = os.environ.get("HF_HOME")
    if home:
        return Path(home).expanduser() / "token"
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "huggingface" / "token"
