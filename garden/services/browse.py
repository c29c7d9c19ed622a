"""Browsing the Hub's lists with filters that the Hub knows and ones that only Garden does, paging on where it must."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from garden.core.errors import CancelledByUser
from garden.core.fit_forecast import Placement, Verdict
from garden.core.model_query import ModelQuery
from garden.hub.search_query import MAX_LIMIT, SearchQuery
from garden.services.catalog import CatalogPage
from garden.services.rated_model import RatedModel, moment

if TYPE_CHECKING:
    from garden.jobs.handle import Handle
    from garden.jobs.pool import TaskPool
    from garden.services.catalog import CatalogService

#: Rows that fill a screen: so many that pass are looked for before one search ends.
SCREENFUL = 20

#: Pages that one search reads at most; the Hub limits requests.
MOST_PAGES = 10

_USUAL_ROWS = SearchQuery().limit

_DAY_SECONDS = 86_400

_RANKS = {
    Verdict.FITS: 0,
    Verdict.TIGHT: 1,
    Verdict.UNKNOWN: 2,
    Verdict.TOO_LARGE: 3,
    Verdict.UNSUPPORTED: 4,
    Verdict.NOT_A_LANGUAGE_MODEL: 5,
}

_PLACES = {Placement.GPU: 0, Placement.SPLIT: 1, Placement.CPU: 1, Placement.NONE: 2}

#: Slower answers than this are read slower than people read; a model so slow fits less well than a quick smaller one.
_READING_TOKENS_PER_SECOND = 6.0


class BrowseService:
    """Answers a ModelQuery for the window and the command line alike.

    Args:
        catalog: Answers one page of what the Hub itself filters.
        pool: Runs searches.
    """

    def __init__(self, catalog: CatalogService, pool: TaskPool) -> None:
        self._catalog = catalog
        self._pool = pool

    def seen(self, query: ModelQuery) -> CatalogPage:
        """What was seen before and matches, at once and without a connection; it may be nothing."""
        if query.mine:
            # Whose they are is asked first.
            return CatalogPage(rows=(), cursor=None, from_index=True)
        page = self._catalog.seen(hub_part(query))
        return CatalogPage(rows=_narrowed_here(query, page), cursor=None, from_index=page.from_index)

    def search(
        self,
        query: ModelQuery,
        cursor: str | None = None,
        *,
        wanted: int = SCREENFUL,
        found: Callable[[CatalogPage], None] | None = None,
    ) -> Handle[CatalogPage]:
        """Look for models: one request, or further pages until enough of them pass the filters that the Hub lacks.

        It ends after ``MOST_PAGES`` pages however few have passed. Cancelling it ends the request that is under way.

        Args:
            query: What to look for.
            cursor: Where the search before ended, with the same query; None from the start.
            wanted: Rows that have to pass.
            found: Called on another thread with the rows of each page but the last, as soon as they are there.

        Returns:
            A handle of all rows that were looked through, each page in the query's order (see ``ordered``), those that
            do not pass included: ``passing`` tells them apart. Its cursor is where a further search goes on.
        """

        def work(cancelled: threading.Event) -> CatalogPage:
            rows: list[RatedModel] = []
            at, passed = cursor, 0
            hub_query = hub_part(query, wanted)
            for number in range(MOST_PAGES):
                if cancelled.is_set():
                    raise CancelledByUser
                page = (self._own_page if query.mine else self._catalog.page)(hub_query, at, cancelled)
                fresh = _narrowed_here(query, page) if page.from_index else ordered(query, page.rows)
                rows.extend(fresh)
                passed += len(passing(query, fresh))
                at = page.cursor
                if _is_past(query, page.rows):
                    at = None
                if passed >= wanted or at is None or number + 1 == MOST_PAGES:
                    return CatalogPage(rows=tuple(rows), cursor=at, from_index=page.from_index)
                if found is not None:
                    found(CatalogPage(rows=fresh, cursor=at))
            raise AssertionError("a search ends with its last page")

        return self._pool.submit(work)

    def _own_page(self, query: SearchQuery, cursor: str | None, cancelled: threading.Event) -> CatalogPage:
        """A page of what the account owns, then of what each of its organisations does; the Hub lists one at a time.

        The cursor is the number of the owner and the Hub's own.
        """
        authors = self._catalog.account.find(cancelled).authors
        if query.author is not None:
            authors = tuple(author for author in authors if author.lower() == query.author.lower())
        number, _, inner = (cursor or "0:").partition(":")
        at = int(number)
        if at >= len(authors):
            return CatalogPage(rows=(), cursor=None)
        page = self._catalog.page(dataclasses.replace(query, author=authors[at]), inner or None, cancelled)
        if page.from_index:
            names = {author.lower() for author in authors}
            rows = tuple(row for row in page.rows if row.summary.author.lower() in names)
            return dataclasses.replace(page, rows=rows)
        after = f"{at + 1}:" if at + 1 < len(authors) else None
        return dataclasses.replace(page, cursor=f"{at}:{page.cursor}" if page.cursor is not None else after)


def hub_part(query: ModelQuery, wanted: int = SCREENFUL) -> SearchQuery:
    """What of a question the Hub answers itself."""
    # More than a page's usual rows where many will not pass, or where the order is made here.
    many = query.is_filtered_here or query.sort == "best_fit"
    return SearchQuery(
        text=query.text,
        task=query.task,
        license=query.license,
        author=query.author,
        max_parameters=query.max_parameters,
        # One's own are listed whatever they are made of.
        gguf_only=query.gguf_only and not query.mine,
        sort="trending" if query.sort == "best_fit" else query.sort,
        limit=MAX_LIMIT if many else max(_USUAL_ROWS, min(wanted, MAX_LIMIT)),
        min_parameters=query.min_parameters,
        language=query.language,
        gated=query.gated,
    )


def passes_hub_part(query: ModelQuery, row: RatedModel) -> bool:
    """Whether a row passes what the Hub filters, for rows that were seen before and did not come from it now."""
    summary = row.summary
    parameters = summary.parameters
    return (
        (query.task is None or summary.pipeline_tag == query.task)
        and (query.author is None or summary.author.lower() == query.author.lower())
        and (query.license is None or (summary.license or "").lower() == query.license.lower())
        and (query.language is None or query.language in summary.languages)
        and (query.gated is None or summary.gated is query.gated)
        and (query.mine or not query.gguf_only or summary.has_gguf)
        and (query.min_parameters is None or (parameters is not None and parameters >= query.min_parameters))
        and (query.max_parameters is None or (parameters is not None and parameters <= query.max_parameters))
    )


def passing(query: ModelQuery, rows: Iterable[RatedModel], now: float | None = None) -> list[RatedModel]:
    """Those rows that pass the filters which the Hub lacks, in their order.

    Args:
        query: What was asked.
        rows: What came.
        now: Seconds since the epoch; the clock when None.
    """
    if not query.is_filtered_here:
        return list(rows)
    checks: list[Callable[[RatedModel], bool]] = []
    if query.runs_here:
        checks.append(lambda row: row.runs_here)
    if query.license_class is not None:
        checks.append(lambda row: row.traits.license_class is query.license_class)
    if query.kind is not None:
        checks.append(lambda row: row.traits.kind is query.kind)
    if query.quant_type is not None:
        checks.append(lambda row: query.quant_type in row.traits.quant_types)
    if query.updated_days is not None:
        since = (time.time() if now is None else now) - query.updated_days * _DAY_SECONDS
        checks.append(lambda row: row.traits.updated_at is not None and row.traits.updated_at >= since)
    return [row for row in rows if all(check(row) for check in checks)]


def ordered(query: ModelQuery, rows: Sequence[RatedModel]) -> tuple[RatedModel, ...]:
    """Rows that came at once in the order that was asked for, as far as it is not the Hub's own.

    Later rows are ordered among themselves and stand below: what a user looks at never moves.
    """
    if query.sort == "best_fit":
        return tuple(sorted(rows, key=_fit_key))
    if query.runnable_first:
        return tuple(sorted(rows, key=lambda row: not row.runs_here))
    return tuple(rows)


def _narrowed_here(query: ModelQuery, page: CatalogPage) -> tuple[RatedModel, ...]:
    """Rows that were seen before, filtered and ordered as the Hub would; the last seen first where it has no order."""
    rows = [row for row in page.rows if passes_hub_part(query, row)]
    keys: dict[str, Callable[[RatedModel], float]] = {
        "downloads": lambda row: row.summary.downloads or 0,
        "likes": lambda row: row.summary.likes or 0,
        "updated": lambda row: row.traits.updated_at or 0.0,
        "created": lambda row: moment(row.summary.created_at) or 0.0,
    }
    if query.sort in keys:
        rows.sort(key=keys[query.sort], reverse=True)
    return ordered(query, rows)


def _fit_key(row: RatedModel) -> tuple[int, bool, int, int]:
    """Best fit: what runs, not slower than one reads, on the GPU before elsewhere, and of that the largest."""
    forecast = row.forecast
    speed = forecast.decode_tokens_per_second
    slow = speed is not None and speed < _READING_TOKENS_PER_SECOND
    return _RANKS[forecast.verdict], slow, _PLACES[forecast.placement], -(row.summary.parameters or 0)


def _is_past(query: ModelQuery, rows: Sequence[RatedModel]) -> bool:
    """Whether the list goes on with older models only, so that no further page can hold what was asked for."""
    return (
        query.sort == "updated"
        and query.updated_days is not None
        and bool(rows)
        and not passing(ModelQuery(updated_days=query.updated_days), rows)
    )
