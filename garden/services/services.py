"""Every service, wired once.

Each service is made when it is first asked for, and its module imported then: a window shows its first page before it
needs an engine's estimator or an export's renderer, and ``garden files`` never needs a chat.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from garden.core.events import EventBus
from garden.core.paths import cache_dir, data_dir
from garden.jobs.pool import TaskPool
from garden.services.made_once import MadeOnce
from garden.services.settings import SettingsService
from garden.services.stores import Stores
from garden.store.settings import SettingsStore
from garden.store.token_store import TokenStore, system_keychain

if TYPE_CHECKING:
    from garden.core.catalog import ModelSummary
    from garden.core.errors import WorkerDiedError
    from garden.core.fit_forecast import FitForecast
    from garden.jobs.job_runner import JobRunner
    from garden.services.bookings import Bookings
    from garden.services.browse import BrowseService
    from garden.services.calibration import CalibrationService
    from garden.services.catalog import CatalogService
    from garden.services.compare import CompareService
    from garden.services.dry_runs import DryRuns
    from garden.services.engine_backends import EngineBackends
    from garden.services.exports import ExportService
    from garden.services.fit import FitService
    from garden.services.held_models import HeldModels
    from garden.services.hub_access import HubAccess
    from garden.services.library import LibraryService
    from garden.services.load_audit import LoadAudit
    from garden.services.machine import MachineService
    from garden.services.measured_speeds import MeasuredSpeeds
    from garden.services.model_pool import ModelPool, PaneKey
    from garden.services.open_conversations import OpenConversations
    from garden.services.row_rating import RowRating
    from garden.services.saved_searches import SavedSearches
    from garden.services.twin_runs import TwinService
    from garden.services.unfinished import UnfinishedService
    from garden.services.what_if import WhatIfService
    from garden.services.workshop import WorkshopService


class Services(Stores):
    """Every service. Opens no connection and starts no child by itself.

    Args:
        work_offline: Open no connection, whatever the settings say.
        notes_optional: Go on without notes when a database cannot be opened, e.g. on a full disk (see ``trouble``).

    Attributes:
        bus: Where facts are announced.
        settings: Settings and token.
    """

    def __init__(self, *, work_offline: bool = False, notes_optional: bool = False) -> None:
        super().__init__(notes_optional=notes_optional)
        self.bus = EventBus()
        self._pool = TaskPool(4, "services")
        self._turns = TaskPool(4, "turns")
        # Of its own: a replay may take half an hour.
        self._replays = TaskPool(2, "replays")
        store = SettingsStore(data_dir() / "settings.json")
        tokens = TokenStore(find=system_keychain)
        self.settings = SettingsService(self.bus, store, tokens, work_offline=work_offline)

    @MadeOnce
    def activity(self) -> JobRunner:
        """Long work."""
        from garden.core.job_record import JobKind
        from garden.jobs.job_runner import JobRunner
        from garden.store.jobs_log import StoredJobsLog
        from garden.store.moved_files import record_at_new_place

        limits = dict.fromkeys(JobKind, 1) | {JobKind.DOWNLOAD: self.settings.current.parallel_downloads}
        runner = JobRunner(self.bus, StoredJobsLog(self._work), limits)
        # Whoever knows how to begin work again is made when that is asked for, whatever was asked for before.
        runner.made_by((JobKind.DOWNLOAD,), lambda: self.library, clears=True)
        runner.made_by((JobKind.QUANTIZE, JobKind.QUALITY), lambda: self.workshop)
        runner.made_by((JobKind.ENGINE,), lambda: self.backends)
        runner.made_by((JobKind.MOVE,), lambda: self.library)
        runner.on_begin(lambda kind, reads: self.library.models_folder.refuse_while_moving(reads, kind=kind))
        self._moved.follow(lambda old, new: runner.revise(lambda record: record_at_new_place(record, old, new)))
        self.settings.on_change(lambda changed: runner.set_limit(JobKind.DOWNLOAD, changed.parallel_downloads))
        return runner

    @MadeOnce
    def machine(self) -> MachineService:
        """This machine."""
        from garden.services.machine import MachineService

        return MachineService(self.bus, self._pool, self._bookings.ram_bytes, self._recall)

    @MadeOnce
    def calibration(self) -> CalibrationService:
        """How fast this machine is."""
        from garden.services.calibration import CalibrationService
        from garden.store.calibrations import Calibrations

        return CalibrationService(
            self.bus, self.machine, Calibrations(self._work), lambda: self.activity, self._answering, self._bookings
        )

    @MadeOnce
    def backends(self) -> EngineBackends:
        """Backends added to the engine."""
        from garden.services.engine_backends import EngineBackends

        return EngineBackends(self.settings, self.machine, self.activity)

    @MadeOnce
    def fit(self) -> FitService:
        """Forecasts."""
        from garden.services.decisions import Decisions
        from garden.services.exact_fit import ExactFit
        from garden.services.fit import FitService
        from garden.store.headers import Headers

        # What loaded models hold counts in every forecast.
        assert self._held is not None
        exact = ExactFit(self._runs)
        return FitService(
            self.machine,
            self.settings,
            self._hub,
            Headers(self._index),
            self.audit,
            self._measured,
            self.calibration,
            self._pool,
            exact,
            Decisions(exact, self._pool, self.bus),
        )

    @MadeOnce
    def twins(self) -> TwinService:
        """Measuring models that need not be here."""
        from garden.services.twin_runs import TwinService

        return TwinService(self.bus, self.fit, self.machine, self.activity, self._answering, self._bookings)

    @MadeOnce
    def audit(self) -> LoadAudit:
        """Forecasts against what loads showed."""
        from garden.services.load_audit import LoadAudit
        from garden.store.forecasts import Forecasts

        return LoadAudit(Forecasts(self._work), self.machine)

    @MadeOnce
    def what_if(self) -> WhatIfService:
        """Another machine in the place of this one."""
        from garden.services.what_if import WhatIfService

        return WhatIfService(self.bus, self.machine, self.settings)

    @MadeOnce
    def catalog(self) -> CatalogService:
        """The Hub."""
        from garden.services.catalog import CatalogService

        def rate(summary: ModelSummary) -> FitForecast:
            return self.rows.rate(summary)

        return CatalogService(self._hub, self.settings, rate, lambda: self._summaries, self._pool, cache_dir())

    @MadeOnce
    def rows(self) -> RowRating:
        """Whether the models of lists run here."""
        from garden.services.row_rating import RowRating
        from garden.store.headers import Headers

        return RowRating(self.fit, self.machine, self.settings, lambda: self._summaries, Headers(self._index))

    @MadeOnce
    def browse(self) -> BrowseService:
        """The Hub's lists, with filters that the Hub lacks."""
        from garden.services.browse import BrowseService

        return BrowseService(self.catalog, self._pool)

    @MadeOnce
    def saved_searches(self) -> SavedSearches:
        """Searches kept under names."""
        from garden.services.saved_searches import SavedSearches

        return SavedSearches(self.settings)

    @MadeOnce
    def library(self) -> LibraryService:
        """Models on this machine."""
        from garden.services.downloads import Downloads
        from garden.services.library import LibraryService
        from garden.services.library_scan import LibraryScan
        from garden.services.listing import Listing
        from garden.store.library_index import LibraryIndex

        scan = LibraryScan(self.fit, self._uses, self._receipts, self._speeds)
        listing = Listing(self.bus, LibraryIndex(self._index), self._uses)
        return LibraryService(
            self.settings,
            self._hub,
            scan,
            listing,
            Downloads(self.settings, self._hub, scan, listing, self.activity),
            self._receipts,
            self._loaded,
            self._moved,
            self.activity,
            self._pool,
        )

    @MadeOnce
    def unfinished(self) -> UnfinishedService:
        """Downloads that did not end."""
        from garden.services.unfinished import UnfinishedService

        return UnfinishedService(self.bus, self.activity)

    @MadeOnce
    def workshop(self) -> WorkshopService:
        """Quantizing and measuring."""
        from garden.services.workshop import WorkshopService
        from garden.store.quality_reports import QualityReports

        return WorkshopService(
            self.fit,
            self.library,
            self.machine,
            self.settings,
            self._receipts,
            QualityReports(self._work),
            self.activity,
            self._pool,
        )

    @MadeOnce
    def compare(self) -> CompareService:
        """Panes and conversations."""
        from garden.services.admission import Admission
        from garden.services.compare import CompareService
        from garden.services.model_pool import ModelPool

        def make_pool(on_death: Callable[[PaneKey, WorkerDiedError], None]) -> ModelPool:
            admission = Admission(self.fit, self.machine, self._loaded, self._held, self._bookings)
            tell = self.machine.tell
            return ModelPool(admission, self.fit, self.audit, self.library, self._loaded, self._held, tell, on_death)

        opened = self._opened_conversations
        return CompareService(self.bus, self._conversations, opened, self.fit, make_pool, self._turns)

    @MadeOnce
    def _opened_conversations(self) -> OpenConversations:
        from garden.services.open_conversations import OpenConversations

        moved = self._moved
        opened = OpenConversations(self.bus, self._conversations, self.library.find, moved.moved_in_conversation)
        moved.follow(opened.moved)
        return opened

    @MadeOnce
    def exports(self) -> ExportService:
        """Configurations for other runtimes."""
        from garden.services.exports import ExportService
        from garden.store.replays import Replays

        return ExportService(self.fit, Replays(self._work), self._replays)

    # --- what several of them share ---

    @MadeOnce
    def _runs(self) -> DryRuns:
        from garden.services.dry_runs import DryRuns

        return DryRuns()

    @MadeOnce
    def _hub(self) -> HubAccess:
        from garden.services.hub_access import HubAccess

        return HubAccess(self.settings)

    @MadeOnce
    def _bookings(self) -> Bookings:
        from garden.services.bookings import Bookings

        return Bookings()

    @MadeOnce
    def _held(self) -> HeldModels:
        from garden.services.held_models import HeldModels

        held = HeldModels(self._loaded)
        held.reread()
        held.take_news()
        self.machine.count(held.now)
        return held

    @MadeOnce
    def _measured(self) -> MeasuredSpeeds:
        from garden.services.measured_speeds import MeasuredSpeeds

        return MeasuredSpeeds(self._speeds)

    def _recall(self) -> None:
        """Recall what loads showed and what is loaded, before any figure is made without it."""
        self.audit.recall()
        self._held.reread()

    def _answering(self) -> bool:
        """Whether panes answer; none do where nobody asked for any."""
        compare: CompareService | None = self.__dict__.get("compare")
        return compare is not None and compare.answering()
