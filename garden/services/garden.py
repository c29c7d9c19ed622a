"""The composition root: every service, wired once. Front ends open it and know nothing of what is below."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from garden.core.errors import WorkerDiedError
from garden.core.events import EventBus
from garden.core.job_record import JobKind
from garden.core.paths import cache_dir, data_dir
from garden.jobs.job_runner import JobRunner
from garden.jobs.pool import TaskPool
from garden.services.admission import Admission
from garden.services.catalog import CatalogService
from garden.services.compare import CompareService
from garden.services.exports import ExportService
from garden.services.fit import FitService
from garden.services.hub_access import HubAccess
from garden.services.library import LibraryService
from garden.services.library_scan import LibraryScan
from garden.services.machine import MachineService
from garden.services.model_pool import ModelPool, PaneKey
from garden.services.settings import SettingsService
from garden.services.workshop import WorkshopService
from garden.store.conversations import Conversations
from garden.store.forecasts import Forecasts
from garden.store.headers import Headers
from garden.store.index_database import IndexDatabase
from garden.store.jobs_log import StoredJobsLog
from garden.store.library_index import LibraryIndex
from garden.store.loaded_models import LoadedModels
from garden.store.model_use import ModelUses
from garden.store.quality_reports import QualityReports
from garden.store.receipts import Receipts
from garden.store.replays import Replays
from garden.store.settings import SettingsStore
from garden.store.speeds import Speeds
from garden.store.summaries import Summaries
from garden.store.token_store import TokenStore, system_keychain
from garden.store.work_database import WorkDatabase


class Garden:
    """Everything a front end needs. Opens no connection and starts no child by itself.

    Args:
        work_offline: Open no connection, whatever the settings say.

    Attributes:
        bus: Where facts are announced.
        settings: Settings and token.
        machine: This machine.
        catalog: The Hub.
        fit: Forecasts.
        library: Models on this machine.
        workshop: Quantizing and measuring.
        compare: Panes and conversations.
        exports: Configurations for other runtimes.
        activity: Long work.

    Raises:
        StateError: The user's database cannot be opened; nothing was changed.
    """

    def __init__(self, *, work_offline: bool = False) -> None:
        self._work = WorkDatabase(data_dir() / "work.sqlite")
        self._index = IndexDatabase(cache_dir() / "index.sqlite")
        self._pool = TaskPool(4, "services")
        self._turns = TaskPool(4, "turns")
        self.bus = EventBus()
        tokens = TokenStore(system_keychain())
        store = SettingsStore(data_dir() / "settings.json")
        self.settings = SettingsService(self.bus, store, tokens, work_offline=work_offline)
        parallel = self.settings.current.parallel_downloads
        limits = dict.fromkeys(JobKind, 1) | {JobKind.DOWNLOAD: parallel}
        self.activity = JobRunner(self.bus, StoredJobsLog(self._work), limits)
        self.machine = MachineService(self.bus, self._pool)
        self._hub = HubAccess(self.settings)
        speeds, receipts, uses = Speeds(self._work), Receipts(self._work), ModelUses(self._work)
        loaded = LoadedModels(self._work)
        self.fit = FitService(
            self.machine, self.settings, self._hub, Headers(self._index), Forecasts(self._work), speeds, self._pool
        )
        self.catalog = CatalogService(self._hub, self.settings, self.fit, Summaries(self._index), self._pool)
        self.library = LibraryService(
            self.bus,
            self.settings,
            self._hub,
            LibraryScan(self.fit, uses, receipts, speeds),
            LibraryIndex(self._index),
            uses,
            receipts,
            loaded,
            self.activity,
            self._pool,
        )
        self.workshop = WorkshopService(
            self.fit,
            self.library,
            self.machine,
            self.settings,
            receipts,
            QualityReports(self._work),
            self.activity,
            self._pool,
        )

        def make_pool(on_death: Callable[[PaneKey, WorkerDiedError], None]) -> ModelPool:
            admission = Admission(self.fit, self.machine, loaded)
            return ModelPool(admission, self.fit, self.library, loaded, on_death)

        self.compare = CompareService(self.bus, Conversations(self._work), self.fit, speeds, make_pool, self._turns)
        self.exports = ExportService(self.fit, Replays(self._work), self._pool)

    @classmethod
    def open(cls, *, work_offline: bool = False) -> Garden:
        """Open everything; ``close`` it, or use it as a context manager."""
        return cls(work_offline=work_offline)

    def tend(self) -> None:
        """What a window does once after its start: take up interrupted work, keep a daily copy of the database."""
        self.activity.resume_interrupted()
        self._pool.submit(lambda _cancelled: self._work.make_daily_copy())
        self._pool.submit(lambda _cancelled: self.workshop.sweep())

    def changed_elsewhere(self) -> bool:
        """Whether another window or command has written the user's database since the last call."""
        return self._work.changed_elsewhere()

    def close(self) -> None:
        """Stop everything: answers, jobs (those that can go on are kept as paused), children, databases."""
        self.compare.close()
        self.activity.close()
        self._turns.close()
        self._pool.close()
        self._hub.close()
        self._index.close()
        self._work.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
