"""Whether the model of a row runs: from headers that were read of its repository, else from the row's own fields.

Every row is rated under one load, that of ``default_load``: the context and the cache type of the settings.
"""

from __future__ import annotations

import collections
import dataclasses
import threading
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from garden.core.catalog import ModelSummary, Repository, RepositoryFile
from garden.core.fit_forecast import FitForecast, Verdict
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.run_configuration import DEFAULT_CONTEXT_LENGTH, LoadParameters
from garden.fit.estimator import rough_forecast
from garden.fit.family_kind import guessed_active_parameters, kind_of
from garden.fit.projector import projector_of, with_projector
from garden.fit.rough_speed import RoughModel, with_rough_speed
from garden.fit.sketch import sibling_header
from garden.gguf.header import GgufHeader
from garden.services.fit import FitService, projector_file
from garden.services.hub_files import hub_ref
from garden.services.machine import MachineService
from garden.services.settings import SettingsService
from garden.store.headers import Headers, hash_key

if TYPE_CHECKING:
    from garden.store.summaries import Summaries

#: Headers and pages that are kept in memory; a header holds some hundred tensors.
_KEPT = 200


class RowRating:
    """Rates rows of lists. Safe to use from any thread but the window's own: it may read from the disk.

    Args:
        fit: Forecasts from headers.
        machine: This machine.
        settings: The Hub in use, context and cache type.
        summaries: Pages that were seen.
        headers: Headers read before.
    """

    def __init__(
        self,
        fit: FitService,
        machine: MachineService,
        settings: SettingsService,
        summaries: Callable[[], Summaries],
        headers: Headers,
    ) -> None:
        self._fit = fit
        self._machine = machine
        self._settings = settings
        self._summaries = summaries
        self._headers = headers
        self._lock = threading.Lock()
        self._known: collections.OrderedDict[Hashable, GgufHeader] = collections.OrderedDict()

    def rate(self, summary: ModelSummary, machine: HardwareSnapshot | None = None) -> FitForecast:
        """Forecast the file that one would take.

        Where any header of the repository was read, its files' own sizes and its true shape count, and what the very
        file, or a twin of it, showed here is its speed: the same as its page and ``garden fit`` say.

        Args:
            summary: The row.
            machine: Where; this machine as it was read last when None. Speeds are known of that alone.
        """
        self._fit.recall()
        read = self._from_headers(summary, machine)
        return self._from_fields(summary, machine) if read is None else read

    def _from_headers(self, summary: ModelSummary, machine: HardwareSnapshot | None) -> FitForecast | None:
        page = self._summaries().pages.page(self._settings.endpoint, summary.repo_id)
        files = [file for file in page.files if file.kind == "model"] if page is not None else []
        # A page of before lists other files than the repository has by now.
        if page is None or (summary.filenames and any(file.filename not in summary.filenames for file in files)):
            return None
        own = {file.filename: header for file in files if (header := self._header(file)) is not None}
        if not own:
            return None
        named = projector_file(page)
        projector_header = self._header(named) if named is not None else None
        projector = projector_of(projector_header) if projector_header is not None else None
        some = next(iter(own.values()))
        rated = [
            (file, with_projector(self._forecast(page, file, own.get(file.filename), some, machine), projector))
            for file in files
        ]
        best = self._fit.recommend(tuple(rated)) or min((file for file, _ in rated), key=lambda file: file.size_bytes)
        forecast = next(forecast for file, forecast in rated if file is best)
        if forecast.verdict is Verdict.UNKNOWN and forecast.total_bytes is not None:
            # Too close to tell without the engine, which no list asks.
            forecast = dataclasses.replace(forecast, verdict=Verdict.TIGHT)
        return dataclasses.replace(forecast, quant_type=best.quant_type)

    def _forecast(
        self,
        page: Repository,
        file: RepositoryFile,
        own: GgufHeader | None,
        sibling: GgufHeader,
        machine: HardwareSnapshot | None,
    ) -> FitForecast:
        header = own or self._kept(
            (page.revision, file.filename, file.size_bytes, sibling.file_type),
            lambda: sibling_header(sibling, file.size_bytes),
        )
        assert header is not None
        load = self._fit.default_load(header, machine)
        return self._fit.forecast_remote(hub_ref(page, file), header, load, machine, ask_engine=False)

    def _header(self, file: RepositoryFile) -> GgufHeader | None:
        if not file.sha256:
            return None
        key = hash_key(file.sha256)
        return self._kept(key, lambda: self._headers.get(key))

    def _kept(self, key: Hashable, make: Callable[[], GgufHeader | None]) -> GgufHeader | None:
        """What was made before: forecasts remember what they found in a header for as long as it lives."""
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                return known
        made = make()
        if made is not None:
            with self._lock:
                self._known[key] = made
                while len(self._known) > _KEPT:
                    self._known.popitem(last=False)
        return made

    def _from_fields(self, summary: ModelSummary, machine: HardwareSnapshot | None) -> FitForecast:
        """Without a request: from what the Hub's list says."""
        settings = self._settings.current
        here = machine or self._machine.snapshot()
        context = settings.context_length or DEFAULT_CONTEXT_LENGTH
        forecast = rough_forecast(summary, here, context, settings.kv_type)
        if machine is not None or forecast.quant_type is None or not summary.parameters:
            return forecast
        cores = max(1, here.cpu.physical_cores)
        load = LoadParameters(type_k=settings.kv_type, type_v=settings.kv_type, threads=cores, threads_batch=cores)
        calibration, measured = self._fit.speeds_of(load)
        if calibration is None and measured is None:
            return forecast
        kind = kind_of(summary.architecture, summary.name, summary.tags)
        model = RoughModel(
            parameters=summary.parameters,
            active_parameters=guessed_active_parameters(summary.architecture, summary.name, summary.parameters, kind),
            quant_type=forecast.quant_type,
        )
        return with_rough_speed(forecast, model, calibration, measured)
