"""Signing in at the Hub: a token is asked about before it is kept, and whose it is is known."""

from __future__ import annotations

import contextlib
import threading
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


class AccountService:
    """Who is signed in at the Hub in use.

    Args:
        hub: The Hub.
        settings: Where the token is kept.
        pool: Runs requests.
        cache: Folder for what was told of accounts.
    """

    def __init__(self, hub: HubAccess, settings: SettingsService, pool: TaskPool, cache: Path) -> None:
        self._hub = hub
        self._settings = settings
        self._pool = pool
        self._file = cache / _FILE
        self._lock = threading.Lock()
        self._asked: dict[tuple[str, str], Account] = {}

    def sign_in(self, token: str, *, unchecked: bool = False) -> Handle[Account | None]:
        """Ask the Hub whose token this is, then keep it.

        Args:
            token: What the user typed.
            unchecked: Keep it without asking, where the Hub does not answer.

        Returns:
            A handle of the account, None when it was not asked for. It fails, and nothing is kept, with a StateError
            when it is no token, a TokenRefusedError when the Hub does not accept it, and a HubUnreachableError when
            the Hub does not answer: only then is keeping it anyway a choice.
        """

        def work(cancelled: threading.Event) -> Account | None:
            checked = self._settings.checked_token(token)
            if unchecked:
                self._settings.set_token(checked)
                return None
            endpoint = self._settings.endpoint
            with self._hub.client_with(checked) as client:
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
            self._settings.set_token(checked)
            self._note(endpoint, checked, account)
            return account

        return self._pool.submit(work)

    def sign_out(self) -> None:
        """Forget the token of the Hub in use, and use none that other tools keep.

        Raises:
            StateError: The keychain does not give it up.
        """
        if self._settings.current.use_existing_token:
            self._settings.change(use_existing_token=False)
        self._write({key: value for key, value in self._kept().items() if key != self._settings.endpoint})
        self._settings.set_token(None)

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
            kept = self._kept().get(endpoint)
            if kept is None:
                raise HubUnreachableError(
                    "Garden works offline, and whose token this is was not asked before.",
                    "Go online in the settings first.",
                )
            return kept
        account = self._hub.client().whoami(cancelled)
        self._note(endpoint, token, account)
        return account

    def _note(self, endpoint: str, token: str, account: Account) -> None:
        with self._lock:
            self._asked[endpoint, token] = account
        self._write({**self._kept(), endpoint: account})

    def _kept(self) -> dict[str, Account]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, Account])
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return {}

    def _write(self, accounts: dict[str, Account]) -> None:
        # What cannot be kept is asked for again.
        with contextlib.suppress(GardenError):
            write_atomically(self._file, msgspec.json.encode(accounts))
