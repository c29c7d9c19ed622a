"""Speeds that sliced twins tell of models against speeds that panes show of all of them, measured in turns.

Run it: ``python -m tests.benchmarks.bench_twins [--threads 1] [--only WORD]``.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from garden.core.quantity import GIB
from garden.core.run_configuration import LoadParameters
from garden.services.twin_runs import time_twins
from tests.benchmarks.bench_speed import CONTEXT_LENGTH, SENTENCE
from tests.benchmarks.pane_speed import run
from tests.benchmarks.speed_models import MODELS
from tests.fit.hollow import header_of_file

#: Small enough that all of it takes a minute or two; experts, states and windows among them.
NAMES = ("narrow Q6_K", "experts Q4_K", "experts Q8_0", "normed Q4_K_M", "recurrent F16", "small sliding BF16")

#: Of each answer; panes answer before the twins and after them, and the faster counts.
_TOKENS = 32


def main(arguments: Sequence[str] | None = None) -> float:
    """Print a table; the mean error of answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False) or 1)
    parser.add_argument("--only", default="")
    parser.add_argument("--folder", type=Path, help="Where models stay for the next time.")
    options = parser.parse_args(arguments)
    load = LoadParameters(
        context_length=CONTEXT_LENGTH, threads=options.threads, threads_batch=options.threads, n_gpu_layers=0
    )
    errors: list[tuple[float, float]] = []
    print(f"{'model':20} {'answer':>8} {'twin':>8} {'error':>7}   {'prompt':>8} {'twin':>8} {'error':>7}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        starter = os.environ.get("GARDEN_TEST_STARTER")
        paths = {"starter Q4_1": Path(starter)} if starter else {}
        for model in MODELS:
            if model.name in NAMES:
                path = folder / f"{model.name.replace(' ', '-')}.gguf"
                paths[model.name] = path if path.exists() else model.write(path)
        for name, path in paths.items():
            if options.only not in name:
                continue
            started = time.monotonic()
            # Depth and prompt as twins have them.
            before = _whole(path, load, name)
            twin = time_twins(header_of_file(path), load, 8 * GIB)
            after = _whole(path, load, name)
            decode, prefill = (max(pair) for pair in zip(before, after, strict=True))
            errors.append((twin.decode / decode - 1, twin.prefill / prefill - 1))
            print(
                f"{name:20} {decode:8.1f} {twin.decode:8.1f} {errors[-1][0]:+7.1%}   "
                f"{prefill:8.1f} {twin.prefill:8.1f} {errors[-1][1]:+7.1%}   {time.monotonic() - started:.0f} s",
                flush=True,
            )
    _print("prompts", [abs(prompt) for _answer, prompt in errors])
    return _print("answers", [abs(answer) for answer, _prompt in errors])


def _print(word: str, errors: Sequence[float]) -> float:
    mean = sum(errors) / len(errors)
    print(f"{word}: mean error {mean:.1%}, worst {max(errors):.1%}")
    return mean


def _whole(path: Path, load: LoadParameters, name: str) -> tuple[float, float]:
    """Tokens per second of an answer behind some thousand tokens, and of a prompt of some five hundred."""
    # The starter has words where the others have letters.
    letters = 4.3 if name.startswith("starter") else 1.1
    short, deep = (SENTENCE * round(letters * tokens / len(SENTENCE)) for tokens in (500, 1_010))
    return (
        run(path, load, "clock", _TOKENS, deep).decode,
        run(path, load, "clock", 1, short).prefill,
    )


if __name__ == "__main__":
    main()
