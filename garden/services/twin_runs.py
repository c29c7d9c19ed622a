"""Measuring a model that need not be here: a copy of its header with fewer blocks and random weights, run for real."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from garden.core.calibration import TimedBy, TimeTwins, TwinOutput, TwinsTimed
from garden.core.catalog import Repository, RepositoryFile
from garden.core.errors import CancelledByUser, DiskFullError, RefusedError
from garden.core.events import EventBus, SpeedsChanged
from garden.core.fit_forecast import Placement
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.job_record import JobKind
from garden.core.library_entry import LibraryEntry
from garden.core.messages import Message, Progress
from garden.core.model_ref import ModelRef
from garden.core.quantity import GIB, format_bytes
from garden.core.run_configuration import LoadParameters
from garden.fit import estimator
from garden.fit.calibrated_speed import DEPTH_TOKENS, PROMPT_TOKENS
from garden.fit.devices import gpu_budgets
from garden.fit.kv_cache import ubatch_of
from garden.fit.sliced_twin import Slices, TwinTimes, filled_share, sliced, slices_of, whole_times
from garden.gguf.filled_file import write_filled_file
from garden.gguf.header import GgufHeader
from garden.jobs.handle import Handle
from garden.jobs.job_context import JobContext
from garden.jobs.job_runner import JobRunner
from garden.process.child import Child
from garden.process.scratch_folder import scratch_folder
from garden.process.task import run_task
from garden.services.bookings import Bookings
from garden.services.calibration import wait_for_answers
from garden.services.fit import FitService
from garden.services.hub_files import hub_ref
from garden.services.machine import MachineService
from garden.store.speeds import SpeedRecord

#: Of the memory that is free, twins take so much and no more than this; larger ones tell nothing more.
_ROOM_SHARE, _ROOM_BYTES = 0.6, 12 * GIB

_GRACE_SECONDS = 1.0

#: Said of a model so small that a twin would save nothing.
_ALL_BLOCKS = "all of it: a shorter one would not be smaller"

#: Between two looks whether a header that is being read is still wanted.
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinSpeed:
    """Tokens per second of a whole model, by its twins.

    Attributes:
        decode: Of the answer.
        prefill: Of the prompt.
        prompt_tokens: Of that prompt.
        depth: Tokens in the cache while it answered.
    """

    decode: float
    prefill: float
    prompt_tokens: int
    depth: int


def time_twins(
    header: GgufHeader,
    load: LoadParameters,
    room_bytes: int,
    *,
    timed_by: TimedBy = "clock",
    on_progress: Callable[[Progress], None] | None = None,
    cancelled: threading.Event | None = None,
    on_start: Callable[[Child[Message]], None] | None = None,
) -> TwinSpeed:
    """Make two twins of a model, time them in a child, and say how fast all of it is.

    Args:
        header: Of the file itself, or of all its shards joined.
        load: How it would be loaded, with the number of GPU layers that it comes to: none or all.
        room_bytes: What the twins may take of the memory.
        timed_by: What time is taken with.
        on_progress: Called on other threads.
        cancelled: Set by whoever wants it to stop.
        on_start: Called with the child.

    Raises:
        RefusedError: There is too little memory.
        DiskFullError: There is too little room on the disk.
        InvalidFileError: The engine does not load the model, or the header is not the file's own.
        CancelledByUser: Cancelled; nothing is left.
        GardenError: The engine failed.
    """
    cancelled = cancelled or threading.Event()
    slices = slices_of(header, room_bytes)
    twins = [sliced(header, count) for count in sorted({slices.first, slices.second})]
    with scratch_folder("twin") as folder:
        _check_disk(Path(folder), sum(twin.data_bytes for twin in twins))
        paths = []
        for number, twin in enumerate(twins):
            paths.append(Path(folder) / f"twin-{number}.gguf")
            write_filled_file(twin, paths[-1], filled_share(header), cancelled=cancelled.is_set)
            if cancelled.is_set():
                raise CancelledByUser
        context = max(2, load.context_length)
        timed = run_task(
            "twin",
            TimeTwins(
                paths=tuple(map(str, paths)),
                load=dataclasses.replace(load, adapters=()),
                tokens=slices.tokens,
                depth=min(DEPTH_TOKENS, context - 1),
                prompt_tokens=min(PROMPT_TOKENS, ubatch_of(load), context),
                timed_by=timed_by,
            ),
            TwinOutput,
            TwinsTimed,
            on_progress=on_progress,
            cancelled=cancelled,
            grace_seconds=_GRACE_SECONDS,
            on_start=on_start,
        )
    each = [
        TwinTimes(token=token, prompt=prompt)
        for token, prompt in zip(timed.token_seconds, timed.prompt_seconds, strict=True)
    ]
    whole = whole_times(header, slices, each[0], each[-1])
    return TwinSpeed(
        decode=1 / (whole.token + timed.choice_seconds),
        prefill=timed.prompt_tokens / whole.prompt,
        prompt_tokens=timed.prompt_tokens,
        depth=timed.depth,
    )


def room_for(machine: HardwareSnapshot, *, on_gpu: bool) -> int:
    """What the weights of twins may take: a share of what is free where they would lie.

    Args:
        machine: As it is now.
        on_gpu: They lie on GPUs with memory of their own.
    """
    gpus = [budget for budget in gpu_budgets(machine) if not budget.shared] if on_gpu else []
    free = sum(max(0, budget.usable_bytes) for budget in gpus) if gpus else machine.ram_free_bytes
    return min(round(free * _ROOM_SHARE), _ROOM_BYTES)


def twins_need(
    header: GgufHeader, load: LoadParameters, slices: Slices, machine: HardwareSnapshot
) -> tuple[int, dict[str, int]]:
    """What both twins need in one process: of the RAM, and of each GPU by the engine's name of it."""
    as_measured = dataclasses.replace(load, context_length=max(DEPTH_TOKENS, PROMPT_TOKENS) + 256)
    # As forecasts list them: GPUs in the order of their budgets, then the RAM.
    places = (*(None if budget.shared else budget.device for budget in gpu_budgets(machine)), None)
    held: Counter[str | None] = Counter()
    beside: dict[tuple[str | None, int], int] = {}
    for count in {slices.first, slices.second}:
        devices = estimator.forecast(sliced(header, count), as_measured, machine).devices
        for number, (place, memory) in enumerate(zip(places, devices, strict=False)):
            held[place] += memory.required_bytes
            beside[place, number] = max(beside.get((place, number), 0), memory.need_bytes - memory.required_bytes)
    for (place, _number), size in beside.items():
        held[place] += size
    return held[None], {device: size for device, size in held.items() if device is not None and size}


def _check_disk(folder: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise DiskFullError(
            f"Measuring this model takes {format_bytes(needed_bytes)} on the disk for a moment; "
            f"{format_bytes(free)} are free.",
            "Free some space, or choose another cache folder with GARDEN_CACHE_DIR.",
        )


class TwinService:
    """Measures models by their twins, and keeps what they showed.

    Args:
        bus: Where it is announced that more is known.
        fit: Reads headers, and remembers speeds.
        machine: The machine.
        jobs: Runs the work.
        answering: Whether panes answer at this moment; none is measured meanwhile.
        bookings: Memory that loads and measurements under way will take.
    """

    def __init__(
        self,
        bus: EventBus,
        fit: FitService,
        machine: MachineService,
        jobs: JobRunner,
        answering: Callable[[], bool] = bool,
        bookings: Bookings | None = None,
    ) -> None:
        self._bus = bus
        self._fit = fit
        self._machine = machine
        self._jobs = jobs
        self._answering = answering
        self._bookings = bookings or Bookings()

    def measure(self, entry: LibraryEntry | ModelRef, load: LoadParameters | None = None) -> Handle[SpeedRecord]:
        """Measure a file on this machine; see ``measure_remote``."""
        ref = entry.ref if isinstance(entry, LibraryEntry) else entry
        return self._submit(ref, lambda _cancelled: self._fit.header(ref), load)

    def measure_header(
        self, header: GgufHeader, ref: ModelRef, load: LoadParameters | None = None
    ) -> Handle[SpeedRecord]:
        """Measure a file whose own header was read; see ``measure_remote``."""
        return self._submit(ref, lambda _cancelled: header, load)

    def measure_remote(
        self, repository: Repository, file: RepositoryFile, load: LoadParameters | None = None
    ) -> Handle[SpeedRecord]:
        """Measure a file on the Hub; no more than its header is fetched.

        Args:
            repository: Where it lies.
            file: Which one.
            load: How it would be loaded; as this machine would by itself when None.

        Returns:
            A handle, listed in Activity. It fails with RefusedError where there is too little memory or the model would
            be split between GPU and processor, and with CancelledByUser after a cancel.
        """
        ref = hub_ref(repository, file)

        def read(cancelled: threading.Event) -> GgufHeader:
            handle = self._fit.remote_header(repository, file, own=True)
            while not handle.done:
                if cancelled.is_set():
                    handle.cancel()
                    raise CancelledByUser
                with contextlib.suppress(TimeoutError):
                    handle.result(_LOOK_SECONDS)
            return handle.result()

        return self._submit(ref, read, load)

    def _submit(
        self, ref: ModelRef, read: Callable[[threading.Event], GgufHeader], load: LoadParameters | None
    ) -> Handle[SpeedRecord]:
        def work(job: JobContext) -> SpeedRecord:
            whole = False

            def report(progress: Progress) -> None:
                note = f"{progress.note}, {_ALL_BLOCKS}" if whole else progress.note
                job.progress(progress.done, progress.total, note)

            header = read(job.cancelled)
            wait_for_answers(job, self._answering)
            machine = self._machine.read()
            wanted = load or self._fit.default_load(header)
            forecast = self._fit.forecast_header(header, wanted)
            if forecast.n_gpu_layers not in (None, 0, forecast.n_layers):
                # Also where it does not fit: what its layers on the GPU would show says nothing of the others.
                raise RefusedError(
                    "This model would be split between GPU and processor, which a twin of it is not.",
                    "Measure the machine instead.",
                )
            if forecast.n_gpu_layers is not None:
                wanted = dataclasses.replace(wanted, n_gpu_layers=forecast.n_gpu_layers)
            room = room_for(self._bookings.limited(machine), on_gpu=bool(wanted.n_gpu_layers))
            slices = slices_of(header, room)
            whole = slices.first == slices.second
            job.progress(0, None, f"Making a copy, {_ALL_BLOCKS}" if whole else "Making slices of the model")
            pids: list[int] = []
            need = twins_need(header, wanted, slices, machine)
            with self._bookings.measuring(self._machine.fresh, *need, lambda: pids[0] if pids else None):
                found = time_twins(
                    header,
                    wanted,
                    room,
                    on_progress=report,
                    cancelled=job.cancelled,
                    on_start=lambda child: pids.append(child.pid),
                )
            record = SpeedRecord(
                model=ref,
                load=wanted,
                decode_tokens_per_second=found.decode,
                prefill_tokens_per_second=found.prefill,
                prompt_tokens=found.prompt_tokens,
                measured_at=time.time(),
                on_gpu=forecast.placement is Placement.GPU,
                twin=True,
            )
            self._fit.remember_twin(record)
            self._bus.publish(SpeedsChanged())
            return record

        return self._jobs.submit(JobKind.SPEED, *subject_of(ref), work, unit="items")


def subject_of(ref: ModelRef) -> tuple[str, str]:
    """Title and subtitle of the measurement of a file, which tell it from files of other publishers and folders."""
    place = ref.repo_id or ref.path or ""
    return ref.name, " · ".join(filter(None, (ref.quant_type, place)))
