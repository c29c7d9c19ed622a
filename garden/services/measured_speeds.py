"""What answers given on this machine showed of its speed, and what that tells of other files."""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Sequence

from garden.core.conversation import Answer
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import LoadParameters
from garden.fit.devices import usable_gpus
from garden.fit.needs import Needs
from garden.fit.pace import pace_of
from garden.fit.speed import MeasuredSpeed, Run, decode_bytes
from garden.gguf.header import GgufHeader
from garden.services.bookkeeping import bookkeeping
from garden.store.model_key import model_keys
from garden.store.speeds import SpeedRecord, Speeds

#: A handful of tokens says nothing about speed.
_TOKENS_THAT_TELL = 16

#: So many of the newest runs say what the machine does now; older ones may be from before a change of it. As many twins
#: are kept beside them: they tell of no other file, and push no run out.
_RUNS_KEPT = 64


class MeasuredSpeeds:
    """Runs of this machine. Safe to use from any thread.

    ``calibration`` answers from memory, at once; ``recall`` fills it from the disk, once.

    Args:
        speeds: Where runs are kept.
    """

    def __init__(self, speeds: Speeds) -> None:
        self._speeds = speeds
        self._runs: tuple[SpeedRecord, ...] | None = None
        self._by_pace: dict[LoadParameters, MeasuredSpeed | None] = {}
        self._lock = threading.Lock()

    def recall(self) -> None:
        """Read the runs of earlier sessions; waits for the disk the first time."""
        with self._lock:
            if self._runs is None:
                with bookkeeping("What earlier runs showed"):
                    self._keep(self._stored())

    def reread(self) -> bool:
        """Read the runs again, where they were read at all; whether other programs of Garden have added any."""
        with self._lock:
            before = self._runs
            if before is None:
                return False
            with bookkeeping("What earlier runs showed"):
                self._keep(self._stored())
            return set(self._runs or ()) != set(before)

    def _stored(self) -> tuple[SpeedRecord, ...]:
        found = (self._speeds.recent(_RUNS_KEPT, twins=twins) for twins in (False, True))
        return tuple(itertools.chain(*found))

    def calibration(self, load: LoadParameters) -> MeasuredSpeed | None:
        """What is known here of the speed of any file that is loaded like this; None when nothing is."""
        return self._by_pace.get(pace_of(load))

    def of_file(self, ref: ModelRef, load: LoadParameters, n_gpu_layers: int | None) -> SpeedRecord | None:
        """The newest run of this very file that was loaded like this; one of a twin of it when it never ran itself.

        Args:
            ref: The file.
            load: How it would be loaded.
            n_gpu_layers: Layers on the GPU that the load comes to.
        """
        return _like(self._speeds.list(ref), load, n_gpu_layers)

    def lately_of(self, ref: ModelRef, load: LoadParameters, n_gpu_layers: int | None) -> SpeedRecord | None:
        """The same from memory, at once: among the newest runs only."""
        keys = set(model_keys(ref))
        runs = [run for run in self._runs or () if keys.intersection(model_keys(run.model))]
        return _like(runs, load, n_gpu_layers)

    def record(self, answer: Answer, header: GgufHeader, machine: HardwareSnapshot) -> None:
        """Keep the speed that an answer showed, when it was long enough to show one.

        Args:
            answer: The answer.
            header: Of its model.
            machine: Where it ran.
        """
        metrics, load = answer.metrics, answer.configuration.load
        tokens = metrics.completion_tokens or 0
        if metrics.decode_tokens_per_second is None or tokens < _TOKENS_THAT_TELL:
            return
        needs = Needs(header, load)
        layers, has_gpu = load.n_gpu_layers, bool(usable_gpus(machine))
        whole = not has_gpu or layers == 0 or (layers >= needs.layers and not needs.weights.placed)
        # Halfway through the answer: as deep as its tokens were on average.
        depth = (metrics.prompt_tokens or 0) + tokens // 2
        run = SpeedRecord(
            model=answer.configuration.model,
            load=load,
            decode_tokens_per_second=metrics.decode_tokens_per_second,
            prefill_tokens_per_second=metrics.prefill_tokens_per_second,
            prompt_tokens=metrics.prompt_tokens,
            completion_tokens=metrics.completion_tokens,
            bytes_read=decode_bytes(needs, load.context_length, depth) if whole else None,
            on_gpu=has_gpu and layers != 0,
        )
        self.keep(run)

    def keep(self, run: SpeedRecord) -> None:
        """Keep one."""
        self.recall()
        self._speeds.record(run)
        with self._lock:
            alike = [run, *(other for other in self._runs or () if other.twin == run.twin)][:_RUNS_KEPT]
            self._keep((*alike, *(other for other in self._runs or () if other.twin != run.twin)))

    def _keep(self, runs: tuple[SpeedRecord, ...]) -> None:
        found: defaultdict[LoadParameters, list[Run]] = defaultdict(list)
        for run in runs:
            if run.bytes_read is not None and not run.twin:
                found[pace_of(run.load)].append(
                    Run(bytes_read=run.bytes_read, tokens_per_second=run.decode_tokens_per_second, on_gpu=run.on_gpu)
                )
        self._runs, self._by_pace = runs, {pace: MeasuredSpeed.from_runs(same) for pace, same in found.items()}


def _like(runs: Sequence[SpeedRecord], load: LoadParameters, n_gpu_layers: int | None) -> SpeedRecord | None:
    """The first one that was loaded like this, rather of the file itself than of a twin."""
    layers, pace = (load.n_gpu_layers, n_gpu_layers), pace_of(load)
    like = [run for run in runs if run.load.n_gpu_layers in layers and pace_of(run.load) == pace]
    return next((run for run in like if not run.twin), like[0] if like else None)
