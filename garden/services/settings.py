"""Settings in use: read once, changed by one method, announced after they were written."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from garden.core.errors import WAY_ONLINE, RefusedError
from garden.core.events import EventBus, SettingsChanged
from garden.core.paths import data_dir
from garden.services.endpoints import Endpoints
from garden.store.settings import MIN_BANDWIDTH, Settings, SettingsStore
from garden.store.token_store import TokenStore, checked_token

__all__ = ["MIN_BANDWIDTH", "SettingsService"]

#: What Hub tools take for yes, in any letter case.
_TRUE = frozenset({"1", "ON", "YES", "TRUE"})


class SettingsService:
    """The user's settings and Hub token.

    Args:
        bus: Where changes are announced.
        store: The settings file.
        tokens: The keychain.
        work_offline: Open no connection in this process, whatever the settings say.
    """

    def __init__(self, bus: EventBus, store: SettingsStore, tokens: TokenStore, *, work_offline: bool = False) -> None:
        self._bus = bus
        self._store = store
        self._tokens = tokens
        self._work_offline = work_offline
        self._lock = threading.Lock()
        self._followers: list[Callable[[Settings], None]] = []
        #: Whether nothing was ever saved before this session: the program starts for the first time.
        self.first_start = not store.exists
        self._current = store.load()
        self._set_aside: set[str] = set()
        self._sign_ins = 0
        #: The Hubs that the user knows.
        self.endpoints = Endpoints(self)

    @property
    def current(self) -> Settings:
        """The settings now."""
        return self._current

    @property
    def endpoint(self) -> str:
        """The Hub in use: the one that the environment names, else the one that was set."""
        return self.endpoints.address

    @property
    def endpoint_is_fixed(self) -> bool:
        """Whether the environment decides, so that the field in the settings would change nothing."""
        return self.endpoints.fixed_by is not None

    @property
    def offline(self) -> bool:
        """Whether no connection may be opened."""
        return self._work_offline or self._current.offline or self.offline_is_fixed

    @property
    def offline_is_fixed(self) -> bool:
        """Whether the environment decides that no connection may be opened, in the words that Hub tools accept."""
        told = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
        return told.strip().upper() in _TRUE

    @property
    def way_online(self) -> str:
        """What the user does to open connections again."""
        if self.offline_is_fixed:
            return "HF_HUB_OFFLINE is set: start Garden without it to go online."
        return WAY_ONLINE

    @property
    def models_dir(self) -> Path:
        """Where models made here go."""
        chosen = self._current.models_dir
        return Path(chosen) if chosen else data_dir() / "models"

    def read_again(self) -> Settings:
        """The settings as another window or command may have left them; a file that is gone changes nothing."""
        with self._lock:
            if self._store.exists:
                self._current = self._store.load()
            return self._current

    def change(self, **fields: Any) -> Settings:
        """Write changed settings, then announce them; what another window or command has written meanwhile is kept.

        Raises:
            RefusedError: A value makes no sense.
            StateError: They could not be written; the old ones stay in use.
        """
        with self._lock:
            before = self._store.load() if self._store.exists else self._current
            try:
                changed = before.with_changes(**fields)
            except (TypeError, ValueError) as error:
                raise RefusedError("This setting cannot have that value.", "Choose another one.", str(error)) from error
            self._store.save(changed)
            self._current = changed
        for follow in self._followers:
            follow(changed)
        self._bus.publish(SettingsChanged())
        return changed

    def on_change(self, follow: Callable[[Settings], None]) -> None:
        """Call back with the settings after each change, on the thread that made it; it must be quick."""
        self._followers.append(follow)

    def token(self) -> str | None:
        """The token for the Hub in use, None without one, or while it is set aside."""
        if self.endpoint in self._set_aside:
            return None
        return self._tokens.get(self.endpoint, use_existing=self._current.use_existing_token)

    @property
    def sign_ins(self) -> tuple[int, bool]:
        """Another value after each change of the token in use; it asks no keychain."""
        return self._sign_ins, self._current.use_existing_token

    def set_token(self, token: str | None, endpoint: str | None = None) -> None:
        """Keep a token in the keychain (for this session where there is none), or forget it with None.

        Args:
            token: What to keep.
            endpoint: The Hub that it is for; None for the one in use.

        Raises:
            StateError: It is no token, or the keychain does not give up the one to forget.
        """
        endpoint = endpoint or self.endpoint
        self._tokens.set(endpoint, token.strip() if token else None)
        self._set_aside.discard(endpoint)
        self._sign_ins += 1
        self._bus.publish(SettingsChanged())

    def checked_token(self, token: str) -> str:
        """What was typed, without the blanks around it.

        Raises:
            StateError: It is no token.
        """
        return checked_token(token)

    def set_token_aside(self) -> None:
        """Send no token to the Hub in use until Garden ends or somebody signs in.

        One that the Hub refuses bars even what is open to all.
        """
        self._set_aside.add(self.endpoint)
        self._sign_ins += 1
        self._bus.publish(SettingsChanged())

    def token_status(self) -> str:
        """One sentence on the token in use."""
        if self.endpoint in self._set_aside:
            return "Not signed in: the token was refused, and is set aside until Garden starts again."
        match self._tokens.place(self.endpoint):
            case "keychain":
                return "Signed in; the token lies in this system's keychain."
            case "session":
                return "Signed in until Garden closes: this system has no keychain."
        found = self._tokens.found_elsewhere(self.endpoint)
        if found and self._current.use_existing_token:
            return f"Signed in with the token of this machine ({found.place}); it is used as it is, not copied."
        if found:
            return f"Not signed in. A token of other tools was found ({found.place})."
        return "Not signed in. Public models need no token."

    @property
    def token_is_offered(self) -> bool:
        """Whether other tools keep a token for the Hub in use on this machine, while Garden has and uses none."""
        if self.endpoint in self._set_aside or self._current.use_existing_token or self.token_place() != "none":
            return False
        return self._tokens.found_elsewhere(self.endpoint) is not None

    def token_place(self) -> str:
        """Where the token for the Hub in use lies: ``keychain``, ``session`` or ``none``."""
        return self._tokens.place(self.endpoint)

    @property
    def signed_in(self) -> bool:
        """Whether requests carry a token."""
        return self.token() is not None
