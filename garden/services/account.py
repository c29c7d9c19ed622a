"""Signing in at the Hub: a token is asked about before it is kept, and whose it is is known."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from garden.core.account import Account
from garden.core.errors import GardenError, HubUnreachableError, TokenRefusedError, UnauthorizedError
from garden.store.atomic_file import write_atomically

if TYPE_CHECKING:
    from garden.jobs.handle import Handle
    from garden.jobs.pool import TaskPool
    from garden.services.hub_access import HubAccess
    from garden.services.settings import SettingsService

#: Names of the accounts by the address of their Hub, as last told; no secret is in it.
_FILE = "accounts.json"

#: Hexadecimal digits that tell tokens apart: too few to say anything of one.
_MARK_DIGITS = 8

#: Longest file that is read.
_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Noted:
    """Whose token an account was told for, by its mark."""

    mark: str
    account: Account


class AccountService:
    """Who is signed in at the Hub in use.

    Args:
        hub: The Hub.
        settings: Where the token is kept.
        pool: Runs requests.
        cache: Folder for what was told of accounts.
        forget: Called with the address of a Hub when another account comes into use there, or none: what is kept of
            its private models is of no account any more.
    """

    def __init__(
        self,
        hub: HubAccess,
        settings: SettingsService,
        pool: TaskPool,
        cache: Path,
        forget: Callable[[str], None],
    ) -> None:
        self._hub = hub
        self._settings = settings
        self._pool = pool
        self._file = cache / _FILE
        self._forget = forget
        self._lock = threading.Lock()
        self._asked: dict[tuple[str, str], Account] = {}

    def sign_in(self, token: str, *, unchecked: bool = False) -> Handle[Account | None]:
        """Ask the Hub in use whose token this is, then keep it for that Hub, even if another is in use by then.

        Args:
            token: What the user typed.
            unchecked: Keep it without asking, where the Hub does not answer.

        Returns:
            A handle of the account, None when it was not asked for. It fails, and nothing is kept, with a StateError
            when it is no token, a TokenRefusedError when the Hub does not accept it, and a HubUnreachableError when
            the Hub does not answer: only then is keeping it anyway a choice.
        """
        endpoint = self._settings.endpoint

        def work(cancelled: threading.Event) -> Account | None:
            checked = self._settings.checked_token(token)
            if unchecked:
                self._settings.set_token(checked, endpoint)
                return None
            with self._hub.client_with(endpoint, checked) as client:
                try:
                    account = client.whoami(cancelled)
                except TokenRefusedError as error:
                    raise TokenRefusedError(
                        f"{client.host} does not accept this token; nothing was kept.",
                        "Copy the whole token from the Hub's settings, or make a new one there.",
                        error.detail,
                    ) from error
                except HubUnreachableError as error:
                    raise HubUnreachableError(
                        f"The token could not be checked. {error.sentence}", error.action, error.detail
                    ) from error
            self._note(endpoint, checked, account)
            self._settings.set_token(checked, endpoint)
            return account

        return self._pool.submit(work)

    def sign_out(self) -> None:
        """Forget the token of the Hub in use and what only its account sees there; use none that other tools keep.

        Raises:
            StateError: The keychain does not give it up.
        """
        endpoint = self._settings.endpoint
        with self._lock:
            self._asked = {key: value for key, value in self._asked.items() if key[0] != endpoint}
            self._write({key: value for key, value in self._kept().items() if key != endpoint})
        self._forget(endpoint)
        if self._settings.current.use_existing_token:
            self._settings.change(use_existing_token=False)
        self._settings.set_token(None, endpoint)

    def mark(self, endpoint: str) -> str | None:
        """What tells the token in use from others; None when nobody is signed in. It may ask the keychain."""
        token = self._settings.token()
        return None if token is None else _mark(endpoint, token)

    def keeps_private(self, endpoint: str, mark: str | None) -> bool:
        """Whether what only the account with this mark sees may be kept and shown: it is the one that was told last."""
        noted = self._kept().get(endpoint)
        return mark is not None and noted is not None and noted.mark == mark

    def current(self) -> Handle[Account]:
        """Whose token is in use; asked once a session, and as last told where no connection may be opened.

        Returns:
            A handle that fails with an UnauthorizedError where nobody is signed in, and a GardenError where it cannot
            be known.
        """
        return self._pool.submit(self.find)

    def find(self, cancelled: threading.Event | None = None) -> Account:
        """The same at once; not for the window's own thread.

        Raises:
            UnauthorizedError: Nobody is signed in, or the token is not accepted any more.
            GardenError: The Hub does not answer.
        """
        endpoint, token = self._settings.endpoint, self._settings.token()
        if token is None:
            raise UnauthorizedError("Nobody is signed in.", "Sign in with a token: Settings, Hub, or: garden hub login")
        with self._lock:
            known = self._asked.get((endpoint, token))
        if known is not None:
            return known
        if self._settings.offline:
            noted = self._kept().get(endpoint)
            if noted is None or noted.mark != _mark(endpoint, token):
                raise HubUnreachableError(
                    "Garden works offline, and whose token this is was not asked before.",
                    self._settings.way_online,
                )
            return noted.account
        # A client of its own: by now the shared one may be for another Hub, or another token.
        with self._hub.client_with(endpoint, token) as client:
            account = client.whoami(cancelled)
        if token == self._settings.token():
            self._note(endpoint, token, account)
        return account

    def _note(self, endpoint: str, token: str, account: Account) -> None:
        noted = _Noted(_mark(endpoint, token), account)
        with self._lock:
            self._asked[endpoint, token] = account
            kept = self._kept()
            before = kept.get(endpoint)
            self._write({**kept, endpoint: noted})
        if before is None or before.mark != noted.mark:
            self._forget(endpoint)

    def _kept(self) -> dict[str, _Noted]:
        try:
            with self._file.open("rb") as stream:
                return msgspec.json.decode(stream.read(_MAX_BYTES), type=dict[str, _Noted])
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return {}

    def _write(self, accounts: dict[str, _Noted]) -> None:
        # What cannot be kept is asked for again.
        with contextlib.suppress(GardenError):
            write_atomically(self._file, msgspec.json.encode(accounts))


def _mark(endpoint: str, token: str) -> str:
    return hashlib.sha256(f"account\0{endpoint}\0{token}".encode()).hexdigest()[:_MARK_DIGITS]
