"""Speeds that panes show: real children, real answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from garden.core.conversation import ChatMessage
from garden.core.messages import Delta, PromptRead, PromptRendered
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import AskParameters, LoadParameters, RunConfiguration
from garden.inference.backend import GenerationEvent
from garden.inference.local_backend import LocalBackend


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
    return runs(path, load, timed_by, tokens, [words])[0]


def runs(path: Path, load: LoadParameters, timed_by: str, tokens: int, asked: Sequence[str]) -> list[Run]:
    """Answers of one pane to prompts that begin differently, so that none is read in part already."""
    ref = ModelRef(name=path.stem, filenames=(path.name,), path=str(path))
    backend = LocalBackend()
    backend.load(RunConfiguration(model=ref, load=load))
    try:
        return [_answer(backend, load, timed_by, tokens, words) for words in asked]
    finally:
        backend.close()
        backend.wait_closed(10)


def _answer(backend: LocalBackend, load: LoadParameters, timed_by: str, tokens: int, words: str) -> Run:
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
