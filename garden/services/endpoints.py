"""The Hubs that the user knows: which there are, which is in use."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from garden.core.errors import GardenError, NotFoundError, RefusedError
from garden.core.hub_endpoint import MAX_ENDPOINT_NAME, HubEndpoint
from garden.store.settings import PUBLIC_HUB

if TYPE_CHECKING:
    from garden.services.settings import SettingsService

#: Names a Hub for one run: a known name, or an address.
VARIABLE = "GARDEN_ENDPOINT"

PUBLIC = HubEndpoint(name="Hugging Face", address=PUBLIC_HUB)

#: More would be no help in choosing one.
_MOST = 20


class Endpoints:
    """Keeps, lists and chooses Hubs. Names are told apart without regard to letter case.

    Args:
        settings: Where they are written.
    """

    def __init__(self, settings: SettingsService) -> None:
        self._settings = settings

    def all(self) -> tuple[HubEndpoint, ...]:
        """The public Hub, then those that were added, in the order of that."""
        return (PUBLIC, *self._settings.current.endpoints)

    def named(self, text: str) -> HubEndpoint:
        """The one with this name or address; an address that nobody has named is one too.

        Raises:
            NotFoundError: No Hub has this name, and it is no address.
            RefusedError: It is an address that no Hub can have.
        """
        from garden.hub.address import Endpoint

        wanted = text.strip().rstrip("/")
        for each in self.all():
            if wanted.casefold() in (each.name.casefold(), each.address.casefold()):
                return each
        if "://" in wanted:
            return HubEndpoint(name="", address=Endpoint.parse(wanted).url)
        names = ", ".join(each.name for each in self.all())
        raise NotFoundError(f"No Hub is known as “{_cleaned(text)}”.", f"Known are: {names}. Or give its address.")

    def add(self, name: str, address: str) -> HubEndpoint:
        """Keep a Hub under a name; one of the same name gets the new address.

        Raises:
            RefusedError: There is no name, or no address that a Hub can have, or the name is the public Hub's.
            StateError: It could not be written.
        """
        from garden.hub.address import Endpoint

        added = HubEndpoint(name=_cleaned(name), address=Endpoint.parse(address).url)
        if not added.name:
            raise RefusedError("A Hub needs a name.", "Type one, for example “Office”.")
        if added.name.casefold() == PUBLIC.name.casefold():
            raise RefusedError(f"“{PUBLIC.name}” is the public Hub's name.", "Choose another one.")
        others = self._without(added.name)
        if len(others) >= _MOST:
            raise RefusedError(f"{_MOST} Hubs are known already.", "Forget one that is no longer needed.")
        self._settings.change(endpoints=(*others, added))
        return added

    def forget(self, name: str) -> None:
        """Forget a Hub; the public one takes its place where it was in use. Its token stays in the keychain.

        Raises:
            NotFoundError: No Hub that was added has this name.
            StateError: It could not be written.
        """
        known = self.named(name)
        others = self._without(known.name)
        if len(others) == len(self._settings.current.endpoints):
            raise NotFoundError(f"“{_cleaned(name)}” was not added.", "garden hub list names those that were.")
        in_use = self._settings.current.endpoint == known.address
        self._settings.change(endpoints=others, **({"endpoint": ""} if in_use else {}))

    def use(self, name: str) -> HubEndpoint:
        """Ask this Hub from now on.

        Raises:
            NotFoundError: No Hub has this name.
            RefusedError: The environment decides which Hub is asked, or it is no address.
            StateError: It could not be written.
        """
        chosen = self.named(name)
        if (variable := self.fixed_by) is not None:
            raise RefusedError(f"{variable} is set, and decides which Hub is asked.", f"Unset {variable} first.")
        self._settings.change(endpoint="" if chosen.address == PUBLIC_HUB else chosen.address)
        return chosen

    @property
    def fixed_by(self) -> str | None:
        """The variable that decides, None when the settings do."""
        return next((name for name in (VARIABLE, "HF_ENDPOINT") if os.environ.get(name, "").strip()), None)

    @property
    def address(self) -> str:
        """Base address of the Hub in use: what the environment names, then what was set, then the public Hub.

        A name that is not known comes back as it is: whoever asks that Hub is told that it is no address.
        """
        if named := os.environ.get(VARIABLE, "").strip():
            try:
                return self.named(named).address
            except GardenError:
                return named
        address = os.environ.get("HF_ENDPOINT", "").strip() or self._settings.current.endpoint or PUBLIC_HUB
        return address.rstrip("/")

    def _without(self, name: str) -> tuple[HubEndpoint, ...]:
        return tuple(each for each in self._settings.current.endpoints if each.name.casefold() != name.casefold())


def _cleaned(name: str) -> str:
    shown = "".join(character if character.isprintable() else " " for character in name)
    return " ".join(shown.split())[:MAX_ENDPOINT_NAME].strip()
