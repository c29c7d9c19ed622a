"""Searches that the user keeps under names, in the settings file."""

from __future__ import annotations

import dataclasses
import difflib
from typing import TYPE_CHECKING

from garden.core.errors import NotFoundError, RefusedError
from garden.core.plain_line import plain_line
from garden.core.saved_search import MAX_NAME, SavedSearch

if TYPE_CHECKING:
    from garden.core.model_query import ModelQuery
    from garden.services.settings import SettingsService

#: More would be no help in finding one.
_MOST = 200


class SavedSearches:
    """Keeps, lists, renames and forgets searches. Names are told apart without regard to letter case.

    Args:
        settings: Where they are written; a window and commands may keep some at the same time.
    """

    def __init__(self, settings: SettingsService) -> None:
        self._settings = settings

    def all(self) -> tuple[SavedSearch, ...]:
        """Those that are kept, in the order of their names; read anew, since a command may have kept one."""
        return tuple(sorted(self._settings.read_again().saved_searches, key=lambda saved: saved.name.casefold()))

    def named(self, name: str) -> SavedSearch:
        """One of them.

        Raises:
            NotFoundError: None has this name.
        """
        name = plain_line(name, MAX_NAME)
        kept = {saved.name.casefold(): saved for saved in self.all()}
        found = kept.get(name.casefold())
        if found is None:
            close = difflib.get_close_matches(name.casefold(), kept, n=3, cutoff=0.5)
            hint = f"Did you mean “{kept[close[0]].name}”? " if close else ""
            raise NotFoundError(
                f"No search is saved as “{plain_line(name, MAX_NAME)}”.",
                f"{hint}garden search --list-saved lists them.",
            )
        return found

    def save(self, name: str, query: ModelQuery) -> SavedSearch:
        """Keep a search; one of the same name is replaced.

        Raises:
            RefusedError: The name is empty, or there are too many.
            StateError: It could not be written.
        """
        saved = SavedSearch.of(_checked(name), query)
        others = self._without(saved.name)
        if len(others) >= _MOST:
            raise RefusedError(f"{_MOST} searches are saved already.", "Delete one that is no longer needed.")
        self._settings.change(saved_searches=(*others, saved))
        return saved

    def rename(self, name: str, new_name: str) -> SavedSearch:
        """Give a search another name.

        Raises:
            NotFoundError: None has the old name.
            RefusedError: The new one is empty, or another search has it.
        """
        old, new_name = self.named(name), _checked(new_name)
        others = self._without(old.name)
        if any(saved.name.casefold() == new_name.casefold() for saved in others):
            raise RefusedError(f"Another search is saved as “{new_name}”.", "Choose another name.")
        renamed = dataclasses.replace(old, name=new_name)
        self._settings.change(saved_searches=(*others, renamed))
        return renamed

    def delete(self, name: str) -> None:
        """Forget a search.

        Raises:
            NotFoundError: None has this name.
        """
        self._settings.change(saved_searches=self._without(self.named(name).name))

    def _without(self, name: str) -> tuple[SavedSearch, ...]:
        return tuple(saved for saved in self.all() if saved.name.casefold() != name.casefold())


def _checked(name: str) -> str:
    cleaned = plain_line(name, MAX_NAME)
    if not cleaned:
        raise RefusedError("A saved search needs a name.", "Type one, for example “small coding models”.")
    return cleaned
