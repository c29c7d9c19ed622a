"""The Hub as Garden uses it: search, the page of a repository, its files by ranges, its card, the account."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from garden.core.account import Account
from garden.core.catalog import ModelSummary, Repository
from garden.core.errors import HubError, NotFoundError, UnauthorizedError
from garden.core.model_family import Relation
from garden.core.trust import RepositoryTrust
from garden.hub.account_wire import account
from garden.hub.address import is_repo_id
from garden.hub.base_models import derived_from
from garden.hub.connection import HubConnection
from garden.hub.failure import Subject
from garden.hub.file_grouping import group_files
from garden.hub.filename import check_filenames
from garden.hub.remote_source import FIRST_WINDOW_BYTES, RemoteSource
from garden.hub.search_query import SearchQuery
from garden.hub.trust_wire import repository_trust
from garden.hub.wire import clean, commit_hash, decode, model_summary, remote_files, weight_formats

#: A page of a hundred rows with all their file names stays well below it.
_MAX_LIST_BYTES = 32 * 1024 * 1024

_MAX_CURSOR = 4096

_NEXT = re.compile(r'<([^<>]*)>\s*;\s*rel="?next"?')


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of the list of models.

    Attributes:
        items: Rows in the Hub's order.
        cursor: Hand it to the next search for the following page; None on the last one.
    """

    items: tuple[ModelSummary, ...]
    cursor: str | None


class HubClient:
    """Requests to one Hub. Safe to use from any thread; every call has a time limit and raises GardenErrors only.

    Nothing is asked for at construction: an address that is none, and working offline, are told by the first call.

    Args:
        endpoint: Base address, e.g. ``https://huggingface.co``.
        token: Sent to the endpoint's own origin over https (or loopback) only; None sends none.
        offline: Refuse every call.
        timeout_seconds: Longest silence, and longest time for a whole answer.
    """

    def __init__(
        self, endpoint: str, token: str | None, *, offline: bool = False, timeout_seconds: float = 20.0
    ) -> None:
        self._connection = HubConnection(endpoint, token, offline=offline, timeout_seconds=timeout_seconds)

    def __enter__(self) -> HubClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def endpoint(self) -> str:
        """Base address without a slash at the end."""
        return self._connection.url

    @property
    def host(self) -> str:
        """Its host, for sentences."""
        return self._connection.subject().host

    def close(self) -> None:
        """Close idle connections; a later call opens new ones."""
        self._connection.close()

    def cut(self) -> None:
        """Refuse every call from now on, and end those under way that can be cancelled."""
        self._connection.cut()

    def search(
        self, query: SearchQuery, cursor: str | None = None, cancelled: threading.Event | None = None
    ) -> SearchPage:
        """One page of models.

        Args:
            query: What to look for.
            cursor: From the page before, with the same query; None for the first page.
            cancelled: Ends the request when it is set.

        Raises:
            CancelledByUser: ``cancelled`` was set.
            GardenError: No answer, or a refusal.
        """
        parameters = [*query.parameters(), *([("cursor", cursor)] if cursor else [])]
        page = self._page(parameters, query.limit, cancelled)
        wanted = tuple(row for row in page.items if _is_wanted(row, query))
        return SearchPage(items=wanted, cursor=page.cursor)

    def derivatives(
        self, repo_id: str, relation: Relation, limit: int = 20, cancelled: threading.Event | None = None
    ) -> SearchPage:
        """Models that say they were made from another one in this way, those with the most downloads first.

        Args:
            repo_id: What they were made from, ``owner/name``.
            relation: How.
            limit: Rows, 1 to 100.
            cancelled: Ends the request when it is set.

        Raises:
            CancelledByUser: ``cancelled`` was set.
            GardenError: No answer, or a refusal.
        """
        _check_repo_id(repo_id)
        query = SearchQuery(gguf_only=False, sort="downloads", limit=limit)
        parameters = [("filter", derived_from(repo_id, relation)), *query.parameters()]
        return self._page(parameters, limit, cancelled)

    def _page(self, parameters: list[tuple[str, str]], limit: int, cancelled: threading.Event | None) -> SearchPage:
        subject = self._connection.subject()
        answer = self._connection.get(
            "/api/models", subject, parameters=parameters, limit_bytes=_MAX_LIST_BYTES, cancelled=cancelled
        )
        items = decode(answer.body, subject.host)
        if not isinstance(items, list):
            raise HubError(f"{subject.host} does not answer as a Hub does.", "Check the Hub's address in Settings.")
        rows = tuple(row for item in items[:limit] if (row := model_summary(item)) is not None)
        return SearchPage(items=rows, cursor=_next_cursor(answer.headers.get("Link", "")))

    def repository(
        self, repo_id: str, revision: str | None = None, cancelled: threading.Event | None = None
    ) -> Repository:
        """The page of a repository with all that can be fetched from it, in one request.

        Args:
            repo_id: ``owner/name``.
            revision: Branch, tag or commit; None for the newest of the main branch.
            cancelled: Ends the request when it is set.

        Raises:
            CancelledByUser: ``cancelled`` was set.
            NotFoundError: There is no such repository or revision, or it is private.
            GardenError: No answer, or a refusal.
        """
        item, subject = self._model(repo_id, revision, ("blobs", "true"), cancelled)
        summary = model_summary(item)
        commit = commit_hash(item.get("sha")) if isinstance(item, dict) else None
        if summary is None or commit is None:
            raise HubError(f"{subject.host} does not answer as a Hub does.", "Check the Hub's address in Settings.")
        return Repository(
            summary=summary,
            revision=commit,
            files=group_files(remote_files(item.get("siblings"))),
            formats=weight_formats(summary.filenames),
        )

    def trust(
        self, repo_id: str, revision: str | None = None, cancelled: threading.Event | None = None
    ) -> RepositoryTrust:
        """What speaks for and against a repository, in one request.

        Raises:
            CancelledByUser: ``cancelled`` was set.
            NotFoundError: There is no such repository or revision, or it is private.
            GardenError: No answer, or a refusal.
        """
        item, subject = self._model(repo_id, revision, ("securityStatus", "true"), cancelled)
        trust = repository_trust(item) if isinstance(item, dict) else None
        if trust is None:
            raise HubError(f"{subject.host} does not answer as a Hub does.", "Check the Hub's address in Settings.")
        return trust

    def _model(
        self, repo_id: str, revision: str | None, parameter: tuple[str, str], cancelled: threading.Event | None
    ) -> tuple[Any, Subject]:
        _check_repo_id(repo_id)
        subject = self._connection.subject(repo_id, revision)
        path = f"/api/models/{repo_id}" + (f"/revision/{quote(revision, safe='')}" if revision else "")
        answer = self._connection.get(
            path, subject, parameters=[parameter], limit_bytes=_MAX_LIST_BYTES, cancelled=cancelled
        )
        return decode(answer.body, subject.host), subject

    def source(
        self,
        repo_id: str,
        revision: str,
        filename: str,
        size_bytes: int,
        cancelled: threading.Event | None = None,
        *,
        first_window_bytes: int = FIRST_WINDOW_BYTES,
    ) -> RemoteSource:
        """A file of a repository, to be read by ranges; nothing is asked for yet.

        Args:
            repo_id: ``owner/name``.
            revision: Commit hash.
            filename: Path inside the repository.
            size_bytes: Size that the list of files named.
            cancelled: Ends a read when it is set.
            first_window_bytes: Of the first window from the start.

        Raises:
            RefusedError: The name is not safe.
            NotFoundError: ``repo_id`` is not a repository's name.
        """
        path = resolve_path(repo_id, revision, filename)
        subject = self._connection.subject(repo_id, revision, filename)
        return RemoteSource(
            self._connection, path, subject, size_bytes, cancelled, first_window_bytes=first_window_bytes
        )

    def read_text(
        self,
        repo_id: str,
        revision: str,
        filename: str,
        limit_bytes: int = 512 * 1024,
        cancelled: threading.Event | None = None,
    ) -> str:
        """A text file of a repository, e.g. its card; what lies beyond the limit is left out. Nothing is cached.

        Raises:
            CancelledByUser: ``cancelled`` was set.
            NotFoundError: There is no such file.
            GardenError: No answer, or a refusal.
        """
        subject = self._connection.subject(repo_id, revision, filename)
        answer = self._connection.get(
            resolve_path(repo_id, revision, filename),
            subject,
            limit_bytes=limit_bytes,
            truncate=True,
            cancelled=cancelled,
        )
        text = answer.body.decode("utf-8-sig", "replace").replace("\x00", "")
        # A character cut in two at the limit is no character of the text.
        return text.rstrip("\ufffd") if len(answer.body) == limit_bytes else text

    def whoami(self, cancelled: threading.Event | None = None) -> Account:
        """The token's account.

        Args:
            cancelled: Ends the request when it is set.

        Raises:
            TokenRefusedError: The token is not accepted.
            UnauthorizedError: There is no token, or it may not be sent to this address.
            CancelledByUser: ``cancelled`` was set.
            GardenError: No answer.
        """
        subject = self._connection.subject()
        if not self._connection.sends_token:
            raise UnauthorizedError(
                f"No token is sent to {subject.host}.",
                "Set one in Settings; it is sent to an https address only.",
            )
        answer = self._connection.get("/api/whoami-v2", subject, limit_bytes=1024 * 1024, cancelled=cancelled)
        found = account(decode(answer.body, subject.host))
        if found is None:
            raise HubError(f"{subject.host} does not answer as a Hub does.", "Check the Hub's address in Settings.")
        return found


def resolve_path(repo_id: str, revision: str, filename: str) -> str:
    """Address of a file of a commit, relative to the endpoint.

    Raises:
        RefusedError: The file's name is not safe.
        NotFoundError: ``repo_id`` is not a repository's name.
    """
    _check_repo_id(repo_id)
    check_filenames([filename])
    return f"/{repo_id}/resolve/{quote(revision, safe='')}/{quote(filename)}"


def _check_repo_id(repo_id: str) -> None:
    if not is_repo_id(repo_id):
        raise NotFoundError(
            f"'{(clean(repo_id, 80) or '')}' is not the name of a repository.", "Write it as owner/name."
        )


def _is_wanted(row: ModelSummary, query: SearchQuery) -> bool:
    """Mirrors of the Hub may not know its limits on parameters, its languages or what is gated."""
    if row.parameters is not None:
        if query.max_parameters is not None and row.parameters > query.max_parameters:
            return False
        if query.min_parameters is not None and row.parameters < query.min_parameters:
            return False
    if query.language is not None and row.languages and query.language not in row.languages:
        return False
    return query.gated is None or row.gated is query.gated


def _next_cursor(link: str) -> str | None:
    """The cursor in ``Link: <…&cursor=…>; rel="next"``; the address itself is never followed."""
    match = _NEXT.search(link[: _MAX_CURSOR * 4])
    if match is None:
        return None
    cursor = dict(parse_qsl(urlsplit(match[1]).query)).get("cursor", "")
    return cursor if 0 < len(cursor) <= _MAX_CURSOR else None
