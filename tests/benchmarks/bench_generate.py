"""How much of the engine's speed arrives in a pane: worker, pipes and reader against the bare C loop.

Both are warm, take turns on the same prompt, and only one generates at a time; the pane is timed where its text
arrives. More than 1 is possible: a worker asks for huge pages, the bare loop takes memory as it comes; with
``GLIBC_TUNABLES=glibc.malloc.hugetlb=1`` in the environment both ask, and what is left is the way through the pipes.
Run it: ``python -m tests.benchmarks.bench_generate [MODEL]`` (the starter model when none is named).
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from garden.core.conversation import ChatMessage
from garden.core.messages import Delta, PromptRendered
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import AskParameters, RunConfiguration, Sampling
from garden.inference.backend import GenerationEvent
from garden.inference.local_backend import LocalBackend
from garden.process.child import worker_environment

CONTEXT_LENGTH = 2048
PROMPT = "Why is the sky blue, and why is a sunset red? Explain it to a curious child."


@dataclass(frozen=True)
class Comparison:
    """Decode speeds in tokens per second, one of each per round.

    Attributes:
        pane: Through a pane.
        bare: The bare loop.
        first_token_ms: From the request to the first text in the parent, the prompt held already.
    """

    pane: tuple[float, ...]
    bare: tuple[float, ...]
    first_token_ms: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """Pane / bare of each round: neighbours in time, so that a slow moment of the machine hits both."""
        return tuple(pane / bare for pane, bare in zip(self.pane, self.bare, strict=True))

    @property
    def ratio(self) -> float:
        """Median of the rounds."""
        return statistics.median(self.ratios)

    def __str__(self) -> str:
        return (
            f"decode through a pane / bare loop: {self.ratio:.2f} "
            f"(n={len(self.pane)}, spread {min(self.ratios):.2f}…{max(self.ratios):.2f}; "
            f"{statistics.median(self.pane):.1f} against {statistics.median(self.bare):.1f} tokens/s)"
        )


def compare(model: Path, *, rounds: int = 5, tokens: int = 128, threads: int | None = None) -> Comparison:
    """Measure.

    Args:
        model: GGUF with a chat template.
        rounds: Of each, in turns. Both load anew for each: where the system puts the weights in memory alone makes
            two loads of one file differ by up to a tenth.
        tokens: Per answer.
        threads: All cores when None.
    """
    # The same waiting of threads for each other as in a worker; read when the engine's library is loaded.
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        if name in worker_environment():
            os.environ[name] = worker_environment()[name]
    pane, bare, first = [], [], []
    for _round in range(rounds):
        pane_speed, bare_speed, first_token = _round_of(model, tokens, threads or os.cpu_count() or 1)
        pane.append(pane_speed)
        bare.append(bare_speed)
        first.append(first_token)
    return Comparison(tuple(pane), tuple(bare), tuple(first))


def _round_of(model: Path, tokens: int, threads: int) -> tuple[float, float, float]:
    """Tokens per second of a pane and of the bare loop, and the pane's milliseconds to its first token."""
    from tests.benchmarks.bare_loop import BareLoop

    ref = ModelRef(name=model.stem, filenames=(model.name,), path=str(model))
    configuration = RunConfiguration(model=ref).with_load(
        context_length=CONTEXT_LENGTH, threads=threads, threads_batch=threads
    )
    backend = LocalBackend()
    backend.load(configuration)
    loop = BareLoop(str(model), context_length=CONTEXT_LENGTH, threads=threads)
    try:
        rendered, _speed, _first = _pane(backend, 8)
        prompt = loop.tokenize(rendered)
        loop.answer(prompt, 8, ignore_eos=True)
        _rendered, speed, first_token = _pane(backend, tokens)
        return speed, loop.answer(prompt, tokens, ignore_eos=True).tokens_per_second, first_token
    finally:
        loop.close()
        backend.close()
        backend.wait_closed(10)


def _pane(backend: LocalBackend, tokens: int) -> tuple[str, float, float]:
    """Rendered prompt, tokens per second and milliseconds to the first token, as they arrive here."""
    arrivals: list[float] = []
    rendered: list[str] = []

    def on_event(event: GenerationEvent) -> None:
        if isinstance(event, Delta):
            arrivals.append(time.perf_counter())
        elif isinstance(event, PromptRendered):
            rendered.append(event.text)

    asked_at = time.perf_counter()
    ask = AskParameters(sampling=Sampling(temperature=0), max_tokens=tokens)
    answer = backend.generate([ChatMessage(role="user", content=PROMPT)], ask, on_event, ignore_eos=True)
    seconds = time.perf_counter() - arrivals[0]
    return rendered[0], (len(answer.token_ids) - 1) / seconds, (arrivals[0] - asked_at) * 1000


def main(arguments: Sequence[str] | None = None) -> float:
    """Print the comparison in one line; the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, nargs="?", default=os.environ.get("GARDEN_TEST_STARTER"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=128)
    options = parser.parse_args(arguments)
    if options.model is None:
        parser.error("name a model, or the starter in GARDEN_TEST_STARTER")
    comparison = compare(Path(options.model), rounds=options.rounds, tokens=options.tokens)
    print(comparison)
    return comparison.ratio


if __name__ == "__main__":
    main()
