"""The client for the Hub in use, made again when endpoint, token or the offline switch change."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from garden.services.settings import SettingsService

if TYPE_CHECKING:
    from garden.hub.client import HubClient


class HubAccess:
    """Hands out one client per choice of endpoint, token and offline switch.

    Args:
        settings: Where these are set.
    """

    def __init__(self, settings: SettingsService) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client: HubClient | None = None
        self._made_for: tuple[str, str | None, bool] | None = None
        self._lent: weakref.WeakSet[HubClient] = weakref.WeakSet()
        settings.on_change(lambda _changed: self._follow())

    def client(self) -> HubClient:
        """The client; call it off the Qt thread, since the first call imports the HTTP stack and asks the keychain."""
        from garden.hub.client import HubClient

        settings = self._settings
        wanted = (settings.endpoint, None if settings.offline else settings.token(), settings.offline)
        with self._lock:
            if self._client is None or self._made_for != wanted:
                if self._client is not None:
                    self._client.close()
                self._client = HubClient(wanted[0], wanted[1], offline=wanted[2])
                self._made_for = wanted
            return self._client

    def _follow(self) -> None:
        """The switch acts at once: what is being asked ends."""
        with self._lock:
            if not self._settings.offline:
                return
            ended = [*self._lent, *([self._client] if self._client is not None else [])]
            self._client = None
        for client in ended:
            client.cut()

    def client_with(self, endpoint: str, token: str) -> HubClient:
        """A client of the caller's own, for any Hub and a token that is not kept (yet)."""
        from garden.hub.client import HubClient

        with self._lock:
            client = HubClient(endpoint, token, offline=self._settings.offline)
            self._lent.add(client)
            return client

    def close(self) -> None:
        """Close connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
