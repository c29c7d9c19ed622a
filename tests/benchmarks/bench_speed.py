"""Speeds that a calibration forecasts against speeds that panes show: mean error, and how often intervals hold.

The machine is measured, then each model answers in a pane of its own, and both take turns for some rounds; the quietest
is shown. On a machine that is busy with other work ``--processor`` takes processor time for both instead of the clock;
that leaves out what threads wait for each other, so it is meant for one thread.
Run it: ``python -m tests.benchmarks.bench_speed [--rounds 3] [--threads 1 --processor]``.
"""

from __future__ import annotations

import argparse
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
from garden.core.conversation import ChatMessage
from garden.core.messages import Delta, PromptRead, PromptRendered
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import AskParameters, LoadParameters, RunConfiguration
from garden.fit.calibrated_speed import SpeedForecast, speed_of
from garden.fit.work import work_of
from garden.gguf.made_up_model import Experts, MadeUpModel
from garden.hardware.cache_size import last_cache_bytes
from garden.inference.backend import GenerationEvent
from garden.inference.local_backend import LocalBackend
from garden.process.task import run_task
from garden.quantization.child_task import run_quantization
from garden.quantization.plan import QuantizationRequest
from tests.benchmarks.speed_models import SpeedModel
from tests.fit.drawn_models import drawn_model
from tests.fit.hollow import header_of_file, published_for_engine

#: Made of the starter model.
STARTER_TYPES = ("Q2_K", "Q3_K_M", "Q4_0", "Q4_K_M", "Q8_0", "F16")


#: Drawn with these: seven blocks of 832, all but one with windows of 1,024 tokens; seven of 1,024, all with experts and
#: all but one recurrent.
_SLIDING_SEED, _HYBRID_SEED = 19, 4

#: Shapes of Qwen2.5-0.5B, Llama-3.2-1B, a narrow and deep one, wide and shallow ones, and two of experts; then real
#: ones whose heads have norms, whose windows slide, and that keep a state instead of a cache, or beside one.
MODELS = (
    SpeedModel(
        "0.5B mixed",
        MadeUpModel(
            width=896, feed_forward=4864, heads=14, kv_heads=2, blocks=24, vocabulary=151_936,
            weights="Q5_0", ffn_down="Q4_K", output="Q8_0",
        ).header(),
    ),
    SpeedModel(
        "1B Q4_K_M",
        MadeUpModel(
            width=2048, feed_forward=8192, heads=32, kv_heads=8, blocks=16, vocabulary=128_256,
            weights="Q4_K", ffn_down="Q6_K", output="Q6_K",
        ).header(),
    ),
    SpeedModel(
        "1B Q4_0",
        MadeUpModel(
            width=2048, feed_forward=8192, heads=32, kv_heads=8, blocks=16, vocabulary=128_256,
            weights="Q4_0", output="Q6_K",
        ).header(),
    ),
    SpeedModel(
        "narrow Q6_K",
        MadeUpModel(
            width=768, feed_forward=2048, heads=12, kv_heads=12, blocks=32, vocabulary=50_304, weights="Q6_K"
        ).header(),
    ),
    SpeedModel(
        "wide IQ4_XS",
        MadeUpModel(
            width=4096, feed_forward=14_336, heads=32, kv_heads=8, blocks=4, vocabulary=32_768,
            weights="IQ4_XS", output="Q6_K",
        ).header(),
    ),
    SpeedModel(
        "wide Q3_K_M",
        MadeUpModel(
            width=3072, feed_forward=8192, heads=24, kv_heads=8, blocks=6, vocabulary=32_768,
            weights="Q3_K", ffn_down="Q4_K", output="Q6_K",
        ).header(),
    ),
    SpeedModel(
        "experts Q4_K",
        MadeUpModel(
            width=1024, feed_forward=3072, heads=16, kv_heads=4, blocks=12, vocabulary=32_768,
            weights="Q4_K", ffn_down="Q6_K", output="Q6_K", experts=Experts(count=32, used=4, width=768),
        ).header(),
    ),
    SpeedModel(
        "experts Q8_0",
        MadeUpModel(
            width=1536, feed_forward=4096, heads=12, kv_heads=4, blocks=6, vocabulary=32_768,
            weights="Q8_0", experts=Experts(count=64, used=8, width=512),
        ).header(),
    ),
    SpeedModel("normed Q4_K_M", published_for_engine("Qwen/Qwen3-0.6B")),
    SpeedModel("sliding Q4_K_M", published_for_engine("google/gemma-3-1b-it")),
    SpeedModel("small sliding BF16", drawn_model("sliding by six", _SLIDING_SEED)),
    SpeedModel("recurrent F16", published_for_engine("state-spaces/mamba-130m-hf", "F16")),
    SpeedModel("hybrid Q8_0", drawn_model("hybrid", _HYBRID_SEED)),
)  # fmt: skip

#: Asked again with a long prompt, so that attention and what slides count.
DEEP = ("starter Q4_0", "narrow Q6_K", "experts Q4_K", "small sliding BF16")

SENTENCE = "A garden wants a bed for every plant, water at its time, and somebody who looks at it each day. "

#: Tokens of a short and a long prompt, about.
_SHORT, _LONG = 350, 3_900

#: What comes after the first round is left out after so long.
_LIMIT_SECONDS = 300.0

CONTEXT_LENGTH = 4_352

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
    decode: list[float] = field(default_factory=list)
    prefill: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)

    def pair(self, prefill: bool) -> tuple[float, float]:
        """Forecast and run of the round in which other programs were least busy."""
        quiet = self.others.index(min(self.others))
        told = self.forecasts[quiet]
        return ((told.prefill or 0.0), self.prefill[quiet]) if prefill else (told.decode, self.decode[quiet])

    def error(self, prefill: bool) -> float:
        """How far the forecast is off, as a share of the run."""
        told, ran = self.pair(prefill)
        return told / ran - 1

    def held(self, prefill: bool) -> Iterator[bool]:
        """Whether each round's run lay in the interval of that round's forecast."""
        for told, run in zip(self.forecasts, self.prefill if prefill else self.decode, strict=True):
            span = told.prefill_range if prefill else told.decode_range
            yield span is not None and span[0] <= run <= span[1]

    def spread(self, prefill: bool) -> float:
        """How far runs of the same lie apart, as a share."""
        runs = self.prefill if prefill else self.decode
        return max(runs) / min(runs) - 1


def calibrated(threads: int, timed_by: str) -> Calibration:
    """Measure this machine."""
    with tempfile.TemporaryDirectory() as folder:
        request = Calibrate(
            folder=folder,
            threads=threads,
            cache_bytes=last_cache_bytes(),
            timed_by="processor" if timed_by == "processor" else "clock",
            limit_seconds=60.0 if timed_by == "processor" else 25.0,
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


class _Child:
    """Time of a pane's process."""

    def __init__(self, pid: int | None, timed_by: str, threads: int) -> None:
        self._pid, self._timed_by, self._threads = pid, timed_by, threads

    def now(self) -> float:
        """Seconds."""
        if self._timed_by != "processor":
            return time.perf_counter()
        tasks = Path(f"/proc/{self._pid}/task")
        if tasks.is_dir():
            return (
                sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9 / self._threads
            )
        times = psutil.Process(self._pid).cpu_times()
        return float(times.user + times.system) / self._threads


@dataclass(frozen=True)
class Run:
    """Tokens per second of an answer and of a prompt, its tokens, and the cores that other programs took meanwhile."""

    decode: float
    prefill: float
    prompt_tokens: int
    others: float


def run(path: Path, load: LoadParameters, timed_by: str, tokens: int, words: str) -> Run:
    """One answer of a pane."""
    ref = ModelRef(name=path.stem, filenames=(path.name,), path=str(path))
    backend = LocalBackend()
    backend.load(RunConfiguration(model=ref, load=load))
    child = _Child(backend.pid, timed_by, load.threads)
    marks: dict[str, float] = {}
    arrivals: list[float] = []

    def on_event(event: GenerationEvent) -> None:
        if isinstance(event, PromptRendered):
            marks["rendered"] = child.now()
        elif isinstance(event, PromptRead) and event.done == event.total:
            marks["read"] = child.now()
        elif isinstance(event, Delta):
            arrivals.append(child.now())

    try:
        ask = AskParameters(template="none", max_tokens=tokens)
        process = psutil.Process(backend.pid)
        before, started = _Cores(process), time.perf_counter()
        answer = backend.generate([ChatMessage(role="user", content=words)], ask, on_event, ignore_eos=True)
        others = before.others() / (time.perf_counter() - started)
        metrics = answer.metrics
        prompt = metrics.prompt_tokens or 0
        decode, prefill = metrics.decode_tokens_per_second or 0.0, metrics.prefill_tokens_per_second or 0.0
        if timed_by == "processor":
            decode = (len(answer.token_ids) - 1) / (arrivals[-1] - arrivals[0])
            prefill = prompt / (marks["read"] - marks["rendered"])
        return Run(decode, prefill, prompt, others)
    finally:
        backend.close()
        backend.wait_closed(10)


class _Cores:
    """Processor time that neither this process nor one child takes while this object lives."""

    def __init__(self, child: psutil.Process) -> None:
        self._child = child
        self._busy, self._own = self._now()

    def others(self) -> float:
        """Seconds, of all cores together."""
        busy, own = self._now()
        return max(0.0, (busy - self._busy) - (own - self._own))

    def _now(self) -> tuple[float, float]:
        times = psutil.cpu_times()
        child = self._child.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        return sum(times) - idle, time.process_time() + child.user + child.system


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
    parser.add_argument("--folder", type=Path, help="Where models stay for the next time.")
    options = parser.parse_args(arguments)
    timed_by = "processor" if options.processor else "clock"
    begun = time.monotonic()
    starter = os.environ.get("GARDEN_TEST_STARTER")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        paths = made(folder, Path(starter) if starter else None, options.threads)
        rows = [Row(name, name) for name in paths if options.only in name]
        rows += [Row(f"{name}, deep", name, is_deep=True) for name in DEEP if name in paths and options.only in name]
        for number in range(options.rounds):
            if number and time.monotonic() - begun > _LIMIT_SECONDS:
                break
            calibration = _undisturbed(options.threads, timed_by)
            print(f"round {number + 1}: measured in {calibration.seconds:.0f} s, "
                  f"others took {calibration.busy_share or 0:.0%} of the processor", flush=True)  # fmt: skip
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
    found = run(path, load, timed_by, tokens, words)
    if found.others > (psutil.cpu_count(logical=False) or 1) - threads + _BUSY_CORES:
        found = min(found, run(path, load, timed_by, tokens, words), key=lambda one: one.others)
    work = work_of(header_of_file(path))
    told = speed_of(work, calibration, load, depth=found.prompt_tokens + tokens // 2, prompt_tokens=found.prompt_tokens)
    assert told is not None, path
    row.forecasts.append(told)
    row.decode.append(found.decode)
    row.prefill.append(found.prefill)
    row.others.append(found.others)


def _print(rows: list[Row], timed_by: str) -> float:
    print(f"{'model':24} {'answer':>8} {'forecast':>8} {'error':>7}   {'prompt':>8} {'forecast':>8} {'error':>7}")
    for row in rows:
        (told, ran), (prompt_told, prompt_ran) = row.pair(False), row.pair(True)
        print(
            f"{row.name:24} {ran:8.1f} {told:8.1f} {row.error(False):+7.1%}   "
            f"{prompt_ran:8.1f} {prompt_told:8.1f} {row.error(True):+7.1%}   others {min(row.others):.0%} of a core"
        )
    errors = []
    for prefill, word in ((False, "answers"), (True, "prompts")):
        each = [abs(row.error(prefill)) for row in rows]
        held = [one for row in rows for one in row.held(prefill)]
        spread = statistics.median([row.spread(prefill) for row in rows if len(row.decode) > 1] or [0.0])
        errors.append(sum(each) / len(each))
        print(
            f"{word} by {timed_by}: mean error {errors[-1]:.1%}, worst {max(each):.1%}, "
            f"intervals held {sum(held)} of {len(held)} ({sum(held) / len(held):.0%}), "
            f"runs of one model apart by {spread:.1%}"
        )
    return errors[0]


if __name__ == "__main__":
    main()
