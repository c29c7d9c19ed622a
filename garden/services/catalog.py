"""Browsing the Hub: rows with a verdict, a repository's files, its card."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from garden.core.catalog import ModelSummary, Repository
from garden.core.errors import GardenError, HubUnreachableError
from garden.core.fit_forecast import FitForecast
from garden.hub.search_query import SearchQuery
from garden.jobs.handle import Handle
from garden.services.answers_seen import AnswersSeen, never_seen
from garden.services.rated_model import RatedModel
from garden.store.settings import PUBLIC_HUB

if TYPE_CHECKING:
    from garden.core.trust import RepositoryTrust
    from garden.jobs.pool import TaskPool
    from garden.services.account import AccountService
    from garden.services.families import FamilyService
    from garden.services.hub_access import HubAccess
    from garden.services.settings import SettingsService
    from garden.store.summaries import Summaries

#: The first page of the plain list as it was last answered, rated; what a window shows before anything else.
_LAST_PAGE = "last-page.json"

#: Rows that were seen before which are looked through offline.
_SEEN_ROWS = 1_000


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeptPage:
    """The last page, and the Hub it came from."""

    endpoint: str
    page: CatalogPage


class CatalogService:
    """Searches the Hub and reads repositories.

    Args:
        hub: The Hub.
        settings: Endpoint and offline switch.
        rate: Rates a row, roughly.
        summaries: What was seen before; asked for when it is needed.
        pool: Runs requests.
        cache: Folder for the last page.
    """

    def __init__(
        self,
        hub: HubAccess,
        settings: SettingsService,
        rate: Callable[[ModelSummary], FitForecast],
        summaries: Callable[[], Summaries],
        pool: TaskPool,
        cache: Path,
    ) -> None:
        self._hub = hub
        self._settings = settings
        self._rate_summary = rate
        self._summaries = summaries
        self._pool = pool
        self._cache = cache
        self._last_page = cache / _LAST_PAGE

    @functools.cached_property
    def families(self) -> FamilyService:
        """What models were made from, and what was made of them."""
        from garden.services.families import FamilyService

        return FamilyService(self._hub, self._pool, self._answers)

    @functools.cached_property
    def _answers(self) -> AnswersSeen:
        return AnswersSeen(self._settings, self._summaries)

    @functools.cached_property
    def account(self) -> AccountService:
        """Who is signed in."""
        from garden.services.account import AccountService

        return AccountService(self._hub, self._settings, self._pool, self._cache, self._forget_private)

    @property
    def endpoint(self) -> str:
        """Base address of the Hub in use."""
        return self._settings.endpoint

    def seen(self, query: SearchQuery) -> CatalogPage:
        """What was seen before and matches the text, at once and without a connection; it may be nothing.

        The plain list comes as it was last answered, with the verdicts of then.
        """
        if query == SearchQuery():
            with contextlib.suppress(OSError, msgspec.DecodeError):
                kept = msgspec.json.decode(self._last_page.read_bytes(), type=_KeptPage)
                if kept.endpoint == self.endpoint:
                    return kept.page
        seen = self._summaries().search(self.endpoint, query.text, limit=query.limit)
        # Who is signed in is known to the keychain, which may ask the user: not for the first paint.
        rows = tuple(self.rated(row) for row in seen if not row.private)
        return CatalogPage(rows=rows, cursor=None, from_index=True)

    def search(self, query: SearchQuery, cursor: str | None = None) -> Handle[CatalogPage]:
        """One page of models, rated. Offline, what was seen before and matches the text."""
        return self._pool.submit(lambda cancelled: self.page(query, cursor, cancelled))

    def page(
        self, query: SearchQuery, cursor: str | None = None, cancelled: threading.Event | None = None
    ) -> CatalogPage:
        """The same at once, in one request; not for the window's own thread.

        Raises:
            CancelledByUser: ``cancelled`` was set.
            GardenError: No answer, or a refusal.
        """
        if self._settings.offline:
            endpoint = self.endpoint
            seen = self._summaries().search(endpoint, query.text, limit=_SEEN_ROWS)
            if any(row.private for row in seen) and not self._may_show_private(endpoint):
                seen = tuple(row for row in seen if not row.private)
            if not seen:
                raise HubUnreachableError(
                    "Garden works offline, and nothing like this was seen before.",
                    self._settings.way_online,
                )
            return CatalogPage(rows=tuple(map(self.rated, seen)), cursor=None, from_index=True)
        mark = self.account.mark(self.endpoint)
        client = self._hub.client()
        answer = client.search(query, cursor, cancelled)
        self._summaries().put(client.endpoint, answer.items)
        if any(row.private for row in answer.items):
            self._check_owner(client.endpoint, mark)
        page = CatalogPage(rows=tuple(map(self.rated, answer.items)), cursor=answer.cursor)
        if query == SearchQuery() and cursor is None:
            self._keep(client.endpoint, page)
        return page

    def repository(self, repo_id: str, revision: str | None = None) -> Handle[Repository]:
        """A repository's page, in one request. Offline, as it was last seen."""

        def work(cancelled: threading.Event) -> Repository:
            if not self._settings.offline:
                mark = self.account.mark(self.endpoint)
                client = self._hub.client()
                repository = client.repository(repo_id, revision, cancelled)
                if revision is None:
                    self._summaries().pages.put(client.endpoint, repository)
                    if repository.summary.private:
                        self._check_owner(client.endpoint, mark)
                return repository
            seen = self._seen_page(repo_id)
            if seen is None or revision not in (None, seen.revision):
                raise never_seen(self._settings)
            return seen

        return self._pool.submit(work)

    def card(self, repo_id: str, revision: str) -> Handle[str]:
        """A repository's card as Markdown, capped. Offline, as it was last seen."""

        def work(cancelled: threading.Event) -> str:
            pages = self._summaries().pages
            if not self._settings.offline:
                client = self._hub.client()
                card = client.read_text(repo_id, revision, "README.md", cancelled=cancelled)
                pages.put_card(client.endpoint, repo_id, revision, card)
                return card
            seen = pages.card(self.endpoint, repo_id) if self._seen_page(repo_id) is not None else None
            if seen is None:
                raise never_seen(self._settings)
            return seen

        return self._pool.submit(work)

    def trust(self, repo_id: str, revision: str | None = None) -> Handle[RepositoryTrust]:
        """What speaks for and against a repository, in one request. Offline, as it was last told."""

        def work(cancelled: threading.Event) -> RepositoryTrust:
            from garden.core.trust import RepositoryTrust

            found = self._answers.ask(
                repo_id,
                "trust",
                RepositoryTrust,
                lambda: self._hub.client().trust(repo_id, revision, cancelled),
                lambda trust: trust.private,
            )
            if self._settings.offline and revision not in (None, found.commit):
                raise never_seen(self._settings)
            return found

        return self._pool.submit(work)

    def rated(self, summary: ModelSummary) -> RatedModel:
        """A row with what its fields and file names let guess of this machine; at once."""
        return RatedModel.of(summary, self._rate_summary(summary))

    def _seen_page(self, repo_id: str) -> Repository | None:
        endpoint = self.endpoint
        page = self._summaries().pages.page(endpoint, repo_id)
        return None if page is not None and page.summary.private and not self._may_show_private(endpoint) else page

    def _may_show_private(self, endpoint: str) -> bool:
        return self.account.keeps_private(endpoint, self.account.mark(endpoint))

    def _check_owner(self, endpoint: str, mark: str | None) -> None:
        """Private models came and are kept: not for longer than the account is in use that they were asked with."""
        if not self.account.keeps_private(endpoint, mark):
            self._summaries().forget(endpoint, private_only=True)

    def _forget_private(self, endpoint: str) -> None:
        """On a company's own Hub all may be for those who are signed in alone."""
        public = endpoint == PUBLIC_HUB
        self._summaries().forget(endpoint, private_only=public)
        if not public:
            self._last_page.unlink(missing_ok=True)

    def _keep(self, endpoint: str, page: CatalogPage) -> None:
        from garden.store.atomic_file import write_atomically

        rows = tuple(row for row in page.rows if not row.summary.private)
        kept = _KeptPage(endpoint=endpoint, page=CatalogPage(rows=rows, cursor=None, from_index=True))
        # What cannot be kept is asked for again.
        with contextlib.suppress(GardenError):
            write_atomically(self._last_page, msgspec.json.encode(kept))
