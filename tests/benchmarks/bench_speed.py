"""Speeds that a calibration forecasts against speeds that panes show: mean error, and how often intervals hold.

The machine is measured, then each model answers in a pane of its own, and both take turns for some rounds. What a model
showed is the median of its answers, of those during which nothing else was busy where there are any; each round's
forecast is held against it. ``--drawn 12 --seed 7`` takes models that were drawn at random instead. On a machine that
is busy with other work ``--processor`` takes processor time for both instead of the clock; that leaves out what threads
wait for each other, so it is meant for one thread.
Run it: ``python -m tests.benchmarks.bench_speed [--rounds 3] [--drawn 12] [--threads 1 --processor]``.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from garden.core.calibration import Calibrate, Calibrated, CalibrateOutput, Calibration, SpeedSetup
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import LoadParameters
from garden.fit.calibrated_speed import SpeedForecast, speed_of
from garden.fit.work import work_of
from garden.hardware.cache_size import last_cache_bytes
from garden.process.task import run_task
from garden.quantization.child_task import run_quantization
from garden.quantization.plan import QuantizationRequest
from tests.benchmarks.pane_speed import Run, runs
from tests.benchmarks.speed_models import MODELS, drawn_speed_models
from tests.fit.hollow import header_of_file

#: Made of the starter model.
STARTER_TYPES = ("Q2_K", "Q3_K_M", "Q4_0", "Q4_K_M", "Q8_0", "F16")

#: Asked again with a long prompt, so that attention and what slides count.
DEEP = ("starter Q4_0", "narrow Q6_K", "experts Q4_K", "small sliding BF16")

SENTENCE = "A garden wants a bed for every plant, water at its time, and somebody who looks at it each day. "

#: Tokens of a short and a long prompt, about.
_SHORT, _LONG = 350, 3_900

#: What comes after the first round is left out after so long.
_LIMIT_SECONDS = 300.0

CONTEXT_LENGTH = 4_352

#: Others that take no more than so much of a core do not count.
_QUIET_CORES = 0.15

#: Models whose file is smaller are asked twice each time.
_ASKED_TWICE_BYTES = 450e6

#: With so much of the cores it needs in other hands something else is measured; one more try is then made.
_BUSY_CORES = 0.25


@dataclass
class Row:
    """One model: what was forecast in each round, and what it showed.

    Attributes:
        name: Of the model, with a mark when the prompt is long.
        model: Of the model alone.
        is_deep: Whether the prompt is long.
    """

    name: str
    model: str
    is_deep: bool = False
    forecasts: list[SpeedForecast] = field(default_factory=list)
    answers: list[Run] = field(default_factory=list)

    def shown(self, prefill: bool) -> float:
        """Tokens per second that the model showed."""
        least = max(_QUIET_CORES, min(run.others for run in self.answers))
        return statistics.median(rate for rate in self.rates(prefill, least))

    def rates(self, prefill: bool, others: float = float("inf")) -> list[float]:
        """Tokens per second of all answers while others took no more cores."""
        return [run.prefill if prefill else run.decode for run in self.answers if run.others <= others]

    def told(self, prefill: bool) -> list[float]:
        """What each round forecast."""
        return [(each.prefill or 0.0) if prefill else each.decode for each in self.forecasts]

    def errors(self, prefill: bool) -> list[float]:
        """How far each round's forecast is off, as a share of what the model showed."""
        return [told / self.shown(prefill) - 1 for told in self.told(prefill)]

    def held(self, prefill: bool) -> Iterator[bool]:
        """Whether what the model showed lies in the interval of each round."""
        for told in self.forecasts:
            span = told.prefill_range if prefill else told.decode_range
            yield span is not None and span[0] <= self.shown(prefill) <= span[1]

    def spread(self, prefill: bool) -> float:
        """How far answers of the same lie apart, as a share."""
        return max(self.rates(prefill)) / min(self.rates(prefill)) - 1


def calibrated(threads: int, timed_by: str) -> Calibration:
    """Measure this machine."""
    with tempfile.TemporaryDirectory() as folder:
        request = Calibrate(
            folder=folder,
            threads=threads,
            cache_bytes=last_cache_bytes(),
            timed_by="processor" if timed_by == "processor" else "clock",
            limit_seconds=60.0 if timed_by == "processor" else 27.5,
        )
        found = run_task("calibrate", request, CalibrateOutput, Calibrated)
    setup = SpeedSetup(engine="", backends=("CPU",), devices=(), threads=threads)
    return Calibration(
        setup=setup,
        speeds=found.speeds,
        logit_seconds=found.logit_seconds,
        seconds=found.seconds,
        busy_share=found.busy_share,
    )


def made(folder: Path, starter: Path | None, threads: int) -> dict[str, Path]:
    """All models, written."""
    found: dict[str, Path] = {}
    if starter is not None:
        found["starter Q4_1"] = starter
        source = ModelRef(name="starter", filenames=(starter.name,), path=str(starter))
        for kind in STARTER_TYPES:
            request = QuantizationRequest(
                source=source, quant_type=kind, destination=folder / f"starter-{kind}.gguf", allow_requantize=True
            )
            if not request.destination.exists():
                run_quantization(request, threads=threads, cancelled=threading.Event())
            found[f"starter {kind}"] = request.destination
    for model in MODELS:
        path = folder / f"{model.name.replace(' ', '-')}.gguf"
        found[model.name] = path if path.exists() else model.write(path)
    return found


def main(arguments: Sequence[str] | None = None) -> float:
    """Print a table; the mean error of answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False) or 1)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--drawn", type=int, default=0, help="So many models drawn at random, none of the others.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="Where models stay for the next time.")
    options = parser.parse_args(arguments)
    timed_by = "processor" if options.processor else "clock"
    begun = time.monotonic()
    starter = os.environ.get("GARDEN_TEST_STARTER")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if options.drawn:
            drawn = drawn_speed_models(options.seed, options.drawn)
            paths = {one.name: one.write(folder / f"drawn-{number}.gguf") for number, one in enumerate(drawn)}
        else:
            paths = made(folder, Path(starter) if starter else None, options.threads)
        rows = [Row(name, name) for name in paths if options.only in name]
        rows += [Row(f"{name}, deep", name, is_deep=True) for name in DEEP if name in paths and options.only in name]
        for number in range(options.rounds):
            if number and time.monotonic() - begun > _LIMIT_SECONDS:
                break
            calibration = _undisturbed(options.threads, timed_by)
            (speed,) = calibration.speeds
            print(f"round {number + 1}: measured in {calibration.seconds:.1f} s, {len(speed.types)} types, "
                  f"others took {calibration.busy_share or 0:.0%} of the processor, unrest {speed.unrest:.1%}, "
                  f"checks off by {speed.decode_error:.1%} and {speed.prefill_error:.1%}", flush=True)  # fmt: skip
            for row in rows:
                if number and time.monotonic() - begun > _LIMIT_SECONDS:
                    break
                # A long prompt takes long.
                if not (row.is_deep and number):
                    _take(row, paths[row.model], calibration, options.threads, timed_by, options.tokens)
    return _print(rows, timed_by)


def _undisturbed(threads: int, timed_by: str) -> Calibration:
    """A calibration; another one, up to twice, while other programs take cores that it needs, as a user is told to."""
    cores = psutil.cpu_count(logical=False) or 1
    calibration = calibrated(threads, timed_by)
    for _ in range(2):
        if (calibration.busy_share or 0.0) * cores <= cores - threads + _BUSY_CORES / 2:
            break
        print(f"others took {calibration.busy_share or 0:.0%} of the processor: measured again", flush=True)
        calibration = min(calibration, calibrated(threads, timed_by), key=lambda one: one.busy_share or 0.0)
    return calibration


def _take(row: Row, path: Path, calibration: Calibration, threads: int, timed_by: str, tokens: int) -> None:
    load = LoadParameters(context_length=CONTEXT_LENGTH, threads=threads, threads_batch=threads)
    # The starter has words where the others have letters.
    letters = (4.3 if row.model.startswith("starter") else 1.1) * (_LONG if row.is_deep else _SHORT)
    words = SENTENCE * round(letters / len(SENTENCE))
    asked = ("A", "B") if path.stat().st_size < _ASKED_TWICE_BYTES and not row.is_deep else ("A",)
    found = runs(path, load, timed_by, tokens, [begin + words for begin in asked])
    work = work_of(header_of_file(path))
    prompt = found[0].prompt_tokens
    told = speed_of(work, calibration, load, depth=prompt + tokens // 2, prompt_tokens=prompt)
    assert told is not None, path
    row.forecasts.append(told)
    row.answers += found


def _print(rows: list[Row], timed_by: str) -> float:
    print(f"{'model':32} {'answer':>7} {'forecasts and errors':26} {'prompt':>7} {'forecasts and errors':26}")
    for row in rows:
        parts = []
        for prefill in (False, True):
            pairs = zip(row.told(prefill), row.errors(prefill), strict=True)
            parts.append(
                f"{row.shown(prefill):7.1f} " + " ".join(f"{told:6.1f} {error:+4.0%}" for told, error in pairs)
            )
        print(
            f"{row.name:32} {parts[0]:34} {parts[1]:34} others {min(run.others for run in row.answers):.0%} of a core"
        )
    means = []
    for prefill, word in ((False, "answers"), (True, "prompts")):
        each = [abs(error) for row in rows for error in row.errors(prefill)]
        held = [one for row in rows for one in row.held(prefill)]
        spread = statistics.median([row.spread(prefill) for row in rows if len(row.answers) > 1] or [0.0])
        logs = [math.log1p(error) for row in rows for error in row.errors(prefill)]
        deviation = math.sqrt(sum(log * log for log in logs) / len(logs))
        means.append(sum(each) / len(each))
        print(
            f"{word} by {timed_by}: mean error {means[-1]:.1%}, median {statistics.median(each):.1%}, "
            f"worst {max(each):.1%}, standard deviation {deviation:.3f}, "
            f"intervals held {sum(held)} of {len(held)} ({sum(held) / len(held):.0%}), "
            f"answers of one model apart by {spread:.1%}"
        )
    return means[0]


if __name__ == "__main__":
    main()
