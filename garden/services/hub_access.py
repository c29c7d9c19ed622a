"""The client for the Hub in use, made again when endpoint, token or the offline switch change."""

from __future__ import annotations

import threading
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
            if self._client is not None and self._settings.offline:
                self._client.cut()
                self._client = None

    def client_with(self, token: str) -> HubClient:
        """A client of the caller's own for the Hub in use, with a token that is not kept (yet)."""
        from garden.hub.client import HubClient

        return HubClient(self._settings.endpoint, token, offline=self._settings.offline)

    def close(self) -> None:
        """Close connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
