"""How fast this machine is: measured when the user says so, remembered for the setup that it was measured with."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable

from garden.core.calibration import Calibrate, Calibrated, CalibrateOutput, Calibration, SpeedSetup
from garden.core.errors import CancelledByUser
from garden.core.events import EventBus, SpeedsChanged
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.job_record import JobKind
from garden.core.messages import Progress
from garden.core.run_configuration import LoadParameters
from garden.fit.devices import usable_gpus
from garden.hardware.cache_size import last_cache_bytes
from garden.jobs.handle import Handle
from garden.jobs.job_context import JobContext
from garden.jobs.job_runner import JobRunner
from garden.process.scratch_folder import scratch_folder
from garden.process.task import run_task
from garden.services.bookings import Bookings
from garden.services.bookkeeping import bookkeeping
from garden.services.machine import MachineService
from garden.store.calibrations import Calibrations

#: Said wherever it is offered.
ABOUT_SECONDS = 25

TITLE = "This machine"

#: The models to measure with are removed before the next one is made; the largest takes so much.
_DISK_BYTES = 512 * 1024**2

#: Of a GPU: the largest model, and what its driver takes beside it.
_GPU_BYTES = 1_024 * 1024**2

#: No more is begun after so long; what is under way then, and the checks, take a few seconds more.
_LIMIT_SECONDS = 27.5

_GRACE_SECONDS = 1.0

#: How often it is looked whether panes still answer.
_LOOK_SECONDS = 0.2


class CalibrationService:
    """Measures this machine, and knows what was measured.

    Args:
        bus: Where it is announced that more is known.
        machine: The machine.
        calibrations: What was measured here.
        jobs: Runs the work; made when there is any.
        answering: Whether panes answer at this moment.
        bookings: Memory that loads and measurements under way will take.
    """

    def __init__(
        self,
        bus: EventBus,
        machine: MachineService,
        calibrations: Calibrations,
        jobs: Callable[[], JobRunner],
        answering: Callable[[], bool] = bool,
        bookings: Bookings | None = None,
    ) -> None:
        self._bus = bus
        self._machine = machine
        self._calibrations = calibrations
        self._jobs = jobs
        self._answering = answering
        self._bookings = bookings or Bookings()
        self._known: dict[SpeedSetup, Calibration | None] = {}
        self._lock = threading.Lock()

    def setup(self) -> SpeedSetup:
        """What a calibration made now would hold for."""
        return setup_of(self._machine.snapshot())

    def current(self) -> Calibration | None:
        """The newest calibration of this machine as it is now, None when there is none. Waits for the disk once."""
        setup = self.setup()
        with self._lock:
            if setup not in self._known:
                with bookkeeping("What this machine showed"):
                    self._known[setup] = self._calibrations.latest(setup)
            return self._known.get(setup)

    def reread(self) -> bool:
        """Read again what is known; whether another program of Garden has measured this machine. Waits for the disk."""
        with self._lock:
            before = dict(self._known)
            for setup in before:
                with bookkeeping("What this machine showed"):
                    self._known[setup] = self._calibrations.latest(setup)
            return self._known != before

    def holding_for(self, load: LoadParameters) -> Calibration | None:
        """What was measured and holds for a load: same threads, fused attention, rearranged weights. Never waits."""
        if load.flash_attention == "off" or not load.repack or load.adapters:
            return None
        known = self._known.get(self.setup())
        same = known is not None and known.setup.threads == load.threads == load.threads_batch
        return known if same else None

    def measure(self) -> Handle[Calibration]:
        """Measure this machine, about 25 s; listed in Activity, where it can be cancelled.

        One measurement runs at a time, and only once no pane answers: each would make the other slow. A pane that is
        asked meanwhile answers at once; what that spoils, the calibration tells as the share that others took.

        Returns:
            A handle; it fails with EngineMissingError where there is no engine, OutOfMemoryError where there is no
            memory for it, CancelledByUser after a cancel.
        """

        def work(job: JobContext) -> Calibration:
            def report(progress: Progress) -> None:
                job.progress(progress.done, progress.total, progress.note)

            wait_for_answers(job, self._answering)
            machine = self._machine.read()
            setup = setup_of(machine)
            gpus = usable_gpus(machine)
            pids: list[int] = []
            on_gpu = {gpu.device or "": _GPU_BYTES for gpu in gpus[:1] if not gpu.unified}
            booking = self._bookings.measuring(
                self._machine.fresh, 2 * _DISK_BYTES, on_gpu, lambda: pids[0] if pids else None
            )
            with booking, scratch_folder("calibration") as folder:
                request = Calibrate(
                    folder=folder,
                    threads=setup.threads,
                    cache_bytes=last_cache_bytes(),
                    gpu=gpus[0].name if gpus else None,
                    limit_seconds=_LIMIT_SECONDS,
                )
                found = run_task(
                    "calibrate",
                    request,
                    CalibrateOutput,
                    Calibrated,
                    on_progress=report,
                    cancelled=job.cancelled,
                    grace_seconds=_GRACE_SECONDS,
                    on_start=lambda child: pids.append(child.pid),
                )
            calibration = Calibration(
                setup=setup,
                speeds=found.speeds,
                logit_seconds=found.logit_seconds,
                seconds=found.seconds,
                busy_share=found.busy_share,
                measured_at=time.time(),
            )
            with bookkeeping("What this machine showed"):
                self._calibrations.record(calibration)
            with self._lock:
                self._known[setup] = calibration
            self._bus.publish(SpeedsChanged())
            return calibration

        return self._jobs().submit(JobKind.SPEED, TITLE, "", work, unit="items")


def wait_for_answers(job: JobContext, answering: Callable[[], bool]) -> None:
    """Wait until no pane answers, and say so.

    Raises:
        CancelledByUser: Cancelled meanwhile.
    """
    while answering():
        job.progress(0, None, "Waiting until the panes have answered")
        if job.cancelled.wait(_LOOK_SECONDS):
            raise CancelledByUser


def setup_of(machine: HardwareSnapshot) -> SpeedSetup:
    """What speeds of a machine depend on beside the model: engine, devices, threads, power."""
    engine = machine.engine
    build = hashlib.sha256(engine.system_info.encode()).hexdigest()[:12]
    return SpeedSetup(
        engine=f"{engine.version or 'none'} ggml {engine.ggml_version or '?'} {build}",
        backends=tuple(backend.name for backend in engine.backends),
        devices=(machine.cpu.name, *(gpu.name for gpu in usable_gpus(machine))),
        threads=max(1, machine.cpu.physical_cores),
        on_battery=machine.on_battery,
    )
