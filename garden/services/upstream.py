"""Whether files that came from the Hub were replaced there, and fetching the newer one beside the old."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Mapping, Sequence

from garden.core.catalog import RemoteFile, Repository
from garden.core.errors import (
    CancelledByUser,
    GardenError,
    GatedError,
    NotFoundError,
    RefusedError,
    UnauthorizedError,
)
from garden.core.library_entry import LibraryEntry
from garden.core.paths import hub_cache_dir
from garden.core.upstream import Upstream
from garden.hub.cache import CachedFile, cached_models
from garden.jobs.handle import Handle
from garden.jobs.pool import TaskPool
from garden.services.downloads import Downloads
from garden.services.hub_access import HubAccess
from garden.services.listing import Listing
from garden.services.settings import SettingsService

#: By itself Garden asks about a repository at most so often, in seconds.
SELDOM = 24 * 3600.0

#: A Hub that did not answer is not asked again unasked before, in seconds.
_QUIET_SECONDS = 15 * 60.0


class UpstreamService:
    """Asks the Hub about repositories, one request for each.

    Args:
        settings: Whether a connection may be opened, and whether to ask unasked.
        hub: The Hub.
        listing: What is here; answers are kept with it.
        downloads: Fetches.
        pool: Runs requests.
    """

    def __init__(
        self, settings: SettingsService, hub: HubAccess, listing: Listing, downloads: Downloads, pool: TaskPool
    ) -> None:
        self._settings = settings
        self._hub = hub
        self._listing = listing
        self._downloads = downloads
        self._pool = pool
        self._lock = threading.Lock()
        self._seldom: Handle[tuple[LibraryEntry, ...]] | None = None
        self._quiet_until = 0.0
        #: Repositories that this account may not see, and when that was said, in seconds since the epoch.
        self._refused: dict[str, float] = {}

    def check(self, entries: Sequence[LibraryEntry] | None = None) -> Handle[tuple[LibraryEntry, ...]]:
        """Ask about models now.

        Args:
            entries: Which; all that came from the Hub when None. Of a repository all models are looked at, since it is
                one request.

        Returns:
            The models of these repositories that are still listed, with what was found; of a repository that this
            account may not see, with what was known before. The handle fails with RefusedError when no connection may
            be opened, with a HubError when the Hub does not answer, and with GatedError or UnauthorizedError when this
            account may see none of the repositories.
        """
        wanted = None if entries is None else {entry.ref.repo_id for entry in entries if entry.ref.repo_id}
        return self._pool.submit(lambda cancelled: self._check(wanted, cancelled))

    def check_seldom(self) -> Handle[tuple[LibraryEntry, ...]]:
        """Ask about what was not looked at for a day; nothing when offline or switched off. Never fails.

        To be called whenever somebody may want to know: while it asks, who calls again is given the same handle, and a
        Hub that did not answer is left alone for a while.
        """

        def work(cancelled: threading.Event) -> tuple[LibraryEntry, ...]:
            if self._settings.offline or not self._settings.current.check_upstream:
                return ()
            wanted = self._due()
            try:
                return self._check(wanted, cancelled, unasked=True) if wanted else ()
            except GardenError:
                self._quiet_until = time.monotonic() + _QUIET_SECONDS
                return ()

        with self._lock:
            if self._seldom is None or self._seldom.done:
                self._seldom = self._pool.submit(work)
            return self._seldom

    def _due(self) -> set[str]:
        """Repositories that nobody asked about for a day."""
        if time.monotonic() < self._quiet_until:
            return set()
        due = time.time() - SELDOM
        return {
            entry.ref.repo_id
            for entry in self._listing.entries()
            if entry.ref.repo_id is not None
            and _came_from_hub(entry)
            and (entry.upstream is None or entry.upstream.checked_at < due)
            and self._refused.get(entry.ref.repo_id, 0.0) < due
        }

    def fetch_newer(self, entry: LibraryEntry) -> Handle[LibraryEntry]:
        """Fetch what has replaced a file, beside it: the cache keeps both. Call it off the Qt thread.

        Raises:
            RefusedError: Nothing is known to have replaced it, or no connection may be opened.
            GardenError: The Hub does not have it any more, or does not answer.
        """
        if entry.upstream is None or entry.upstream.state != "changed" or entry.ref.repo_id is None:
            raise RefusedError(f"No newer version of {entry.ref.name} is known.", "Look for one first.")
        self._refuse_offline()
        repository = self._hub.client().repository(entry.ref.repo_id, entry.upstream.revision)
        wanted = entry.ref.filenames[0]
        found = next((file for file in repository.files if wanted in [part.filename for part in file.files]), None)
        if found is None:
            raise NotFoundError(f"{entry.ref.repo_id} has no {wanted} any more.", "Search for what has replaced it.")
        return self._downloads.download(repository, found)

    def _refuse_offline(self) -> None:
        if self._settings.offline:
            raise RefusedError("Garden works offline and opens no connection.", self._settings.way_online)

    def _check(
        self, wanted: set[str] | None, cancelled: threading.Event, *, unasked: bool = False
    ) -> tuple[LibraryEntry, ...]:
        self._refuse_offline()
        looked_at: list[LibraryEntry] = []
        not_seen: list[LibraryEntry] = []
        refusal: UnauthorizedError | GatedError | None = None
        here = {str(file.path): file for file in cached_models(hub_cache_dir())}
        by_repository: dict[str, list[LibraryEntry]] = {}
        for entry in self._listing.entries():
            if _came_from_hub(entry) and entry.ref.repo_id and (wanted is None or entry.ref.repo_id in wanted):
                by_repository.setdefault(entry.ref.repo_id, []).append(entry)
        for repo_id, entries in by_repository.items():
            if cancelled.is_set():
                raise CancelledByUser
            try:
                repository = self._page(repo_id, cancelled)
            except (UnauthorizedError, GatedError) as error:
                # One that may not be seen says nothing of the others.
                self._refused[repo_id] = time.time()
                refusal = refusal or error
                not_seen += entries
                continue
            # Noted one by one: what is known stays known when the next question is not answered.
            for entry in entries:
                noted = self._listing.note_upstream(entry.ref.path or "", _compared(entry, here, repository))
                if noted is not None:
                    looked_at.append(noted)
        if unasked:
            return tuple(looked_at)
        if refusal is not None and not looked_at:
            raise refusal
        return (*looked_at, *not_seen)

    def _page(self, repo_id: str, cancelled: threading.Event) -> Repository | None:
        """The repository now, None when it is gone."""
        try:
            return self._hub.client().repository(repo_id, cancelled=cancelled)
        except NotFoundError:
            return None


def _came_from_hub(entry: LibraryEntry) -> bool:
    return entry.origin == "hub_cache" and entry.ref.repo_id is not None


def _compared(entry: LibraryEntry, here: Mapping[str, CachedFile], repository: Repository | None) -> Upstream:
    """What the Hub has where a model came from.

    The bytes are compared by the hashes that name them in the cache; where the cache has no links to tell them by, by
    their commit and size.
    """
    now = time.time()
    if repository is None:
        return Upstream(state="gone", checked_at=now, revision=entry.ref.revision or "")
    there = {part.filename: part for file in repository.files for part in file.files}
    parts = [there.get(name) for name in entry.ref.filenames]
    found = [part for part in parts if part is not None]
    known = Upstream(
        state="same", checked_at=now, revision=repository.revision, modified=repository.summary.last_modified
    )
    if len(found) < len(parts):
        return dataclasses.replace(known, state="gone")
    same = entry.ref.revision == repository.revision or all(map(_is_same, _files_here(entry, here), found))
    return dataclasses.replace(
        known,
        state="same" if same else "changed",
        size_bytes=sum(part.size_bytes for part in found),
        sha256=found[0].sha256,
    )


def _files_here(entry: LibraryEntry, here: Mapping[str, CachedFile]) -> list[CachedFile | None]:
    first = here.get(entry.ref.path or "")
    names = [name.rpartition("/")[2] for name in entry.ref.filenames]
    return [here.get(str(first.path.with_name(name))) if first is not None else None for name in names]


def _is_same(file: CachedFile | None, remote: RemoteFile) -> bool:
    if file is None or file.etag is None:
        return file is not None and file.size_bytes == remote.size_bytes
    return file.etag in (remote.sha256, remote.git_sha1)
