"""What a search finds page by page, handed from its thread to the Qt thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from garden.core.errors import CancelledByUser
from garden.jobs.handle import Handle

if TYPE_CHECKING:
    from garden.services.catalog import CatalogPage

    #: A page, and the handle of the one after it.
    Piece = tuple[CatalogPage, "Handle[Piece]"]


class SearchPieces:
    """A chain of handles: each page comes with the handle of the next.

    Attributes:
        first: Handle of the first page.
    """

    def __init__(self) -> None:
        self.first: Handle[Piece] = Handle()
        self._next = self.first

    def put(self, page: CatalogPage) -> None:
        """Hand over a page; called by the search's own thread alone."""
        handle, self._next = self._next, Handle()
        handle.succeed((page, self._next))

    def end(self) -> None:
        """No page comes any more; called once the search has ended."""
        self._next.fail(CancelledByUser())
