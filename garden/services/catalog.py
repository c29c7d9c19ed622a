"""Browsing the Hub: rows with a verdict, a repository's files, its card."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from garden.core.catalog import ModelSummary, Repository
from garden.core.errors import HubUnreachableError
from garden.core.fit_forecast import FitForecast
from garden.hub.search_query import SearchQuery
from garden.jobs.handle import Handle
from garden.jobs.pool import TaskPool
from garden.services.fit import FitService
from garden.services.hub_access import HubAccess
from garden.services.settings import SettingsService
from garden.store.summaries import Summaries


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedModel:
    """A row: what the Hub says, and whether it will run here (a rough forecast)."""

    summary: ModelSummary
    forecast: FitForecast


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogPage:
    """Rows of one page.

    Attributes:
        rows: In the Hub's order.
        cursor: Where the next page begins, None at the end.
        from_index: Whether the rows are what was seen before, because no connection may be opened.
    """

    rows: tuple[RatedModel, ...]
    cursor: str | None
    from_index: bool = False


class CatalogService:
    """Searches the Hub and reads repositories.

    Args:
        hub: The Hub.
        settings: Endpoint and offline switch.
        fit: Rates rows.
        summaries: What was seen before.
        pool: Runs requests.
    """

    def __init__(
        self, hub: HubAccess, settings: SettingsService, fit: FitService, summaries: Summaries, pool: TaskPool
    ) -> None:
        self._hub = hub
        self._settings = settings
        self._fit = fit
        self._summaries = summaries
        self._pool = pool

    @property
    def endpoint(self) -> str:
        """Base address of the Hub in use."""
        return self._settings.endpoint

    def seen(self, query: SearchQuery) -> CatalogPage:
        """What was seen before and matches the text, at once and without a connection; it may be nothing."""
        seen = self._summaries.search(query.text, limit=query.limit)
        return CatalogPage(rows=tuple(map(self._rate, seen)), cursor=None, from_index=True)

    def search(self, query: SearchQuery, cursor: str | None = None) -> Handle[CatalogPage]:
        """One page of models, rated. Offline, what was seen before and matches the text."""

        def work(_cancelled: threading.Event) -> CatalogPage:
            if self._settings.offline:
                page = self.seen(query)
                if not page.rows:
                    raise HubUnreachableError(
                        "Garden works offline, and nothing like this was seen before.",
                        "Go online in the settings to search the Hub.",
                    )
                return page
            answer = self._hub.client().search(query, cursor)
            self._summaries.put(answer.items)
            return CatalogPage(rows=tuple(map(self._rate, answer.items)), cursor=answer.cursor)

        return self._pool.submit(work)

    def repository(self, repo_id: str, revision: str | None = None) -> Handle[Repository]:
        """A repository's page, in one request."""
        return self._pool.submit(lambda _cancelled: self._hub.client().repository(repo_id, revision))

    def card(self, repo_id: str, revision: str) -> Handle[str]:
        """A repository's card as Markdown, capped."""
        return self._pool.submit(lambda _cancelled: self._hub.client().read_text(repo_id, revision, "README.md"))

    def whoami(self) -> Handle[str]:
        """Name of the account that the token belongs to."""
        return self._pool.submit(lambda _cancelled: self._hub.client().whoami())

    def _rate(self, summary: ModelSummary) -> RatedModel:
        return RatedModel(summary=summary, forecast=self._fit.rough(summary))
