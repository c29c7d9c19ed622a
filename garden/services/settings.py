"""Settings in use: read once, changed by one method, announced after they were written."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from garden.core.errors import RefusedError
from garden.core.events import EventBus, SettingsChanged
from garden.core.paths import data_dir
from garden.store.settings import MIN_BANDWIDTH, Settings, SettingsStore
from garden.store.token_store import TokenStore

__all__ = ["MIN_BANDWIDTH", "SettingsService"]


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

    @property
    def current(self) -> Settings:
        """The settings now."""
        return self._current

    @property
    def endpoint(self) -> str:
        """The Hub in use: HF_ENDPOINT, else the one that was set."""
        return self._current.hub_endpoint

    @property
    def endpoint_is_fixed(self) -> bool:
        """Whether HF_ENDPOINT decides, so that the field in the settings would change nothing."""
        return bool(os.environ.get("HF_ENDPOINT"))

    @property
    def offline(self) -> bool:
        """Whether no connection may be opened."""
        return (
            self._work_offline or self._current.offline or os.environ.get("HF_HUB_OFFLINE", "") in ("1", "true", "True")
        )

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
        """The token for the Hub in use, None without one."""
        return self._tokens.get(self.endpoint, use_existing=self._current.use_existing_token)

    def set_token(self, token: str | None) -> None:
        """Keep a token in the keychain (for this session where there is none), or forget it with None.

        Raises:
            StateError: It is no token, or the keychain does not give up the one to forget.
        """
        self._tokens.set(self.endpoint, token.strip() if token else None)
        self._bus.publish(SettingsChanged())

    def token_status(self) -> str:
        """One sentence on the token in use."""
        match self._tokens.place(self.endpoint):
            case "keychain":
                return "Signed in; the token lies in this system's keychain."
            case "session":
                return "Signed in until Garden closes: this system has no keychain."
        found = self._tokens.found_elsewhere()
        if found and self._current.use_existing_token:
            return f"Signed in with the token of this machine ({found.place}); it is used as it is, not copied."
        if found:
            return f"Not signed in. A token of other tools was found ({found.place})."
        return "Not signed in. Public models need no token."

    @property
    def signed_in(self) -> bool:
        """Whether requests carry a token."""
        return self.token() is not None
