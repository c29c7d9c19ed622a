"""Downloads of Garden against plain ``hf_hub_download`` from one Hub on this machine, in turns.

Both run in a process of their own and end with a file in the cache; Garden's is checked against its SHA-256 on the
way, the other one is not. The Hub is a process of its own, too, and sends as fast as it can.
Run it: ``python -m tests.benchmarks.bench_transfer [--megabytes 512] [--rounds 5]``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from garden.core.messages import Transfer, TransferOutput, Transferred
from garden.process.task import run_task

_REPOSITORY, _FILENAME = "local/noise-GGUF", "noise.gguf"

_PLAIN = """
import sys
from huggingface_hub import hf_hub_download
hf_hub_download(sys.argv[2], sys.argv[3], endpoint=sys.argv[1], token=False, cache_dir=sys.argv[4])
"""


@contextlib.contextmanager
def _hub(folder: Path) -> Iterator[str]:
    """A Hub of the files of a folder; its address."""
    command = [sys.executable, "-m", "tests.hubserver", "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _of_garden(endpoint: str, cache: Path) -> None:
    request = Transfer(
        endpoint=endpoint,
        repo_id=_REPOSITORY,
        revision="main",
        filenames=(_FILENAME,),
        cache_dir=str(cache),
        token=None,
    )
    run_task("transfer", request, TransferOutput, Transferred)


def _of_hub_library(endpoint: str, cache: Path) -> None:
    quiet = {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    command = [sys.executable, "-c", _PLAIN, endpoint, _REPOSITORY, _FILENAME, str(cache)]
    subprocess.run(command, env={**os.environ, **quiet}, check=True, stdout=subprocess.DEVNULL)


def _seconds(fetch: Callable[[str, Path], None], endpoint: str, folder: Path) -> float:
    cache = folder / "hub"
    began = time.perf_counter()
    fetch(endpoint, cache)
    seconds = time.perf_counter() - began
    shutil.rmtree(cache)
    return seconds


def main() -> None:
    """Print the speeds and their ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    size = options.megabytes * 1_000_000
    with tempfile.TemporaryDirectory(prefix="garden-bench-") as name:
        folder = Path(name)
        shelf = folder / "shelf"
        shelf.mkdir()
        with (shelf / _FILENAME).open("wb") as file:
            for _ in range(options.megabytes):
                file.write(os.urandom(1_000_000))
        with _hub(shelf) as endpoint:
            # The first answer waits until the Hub has hashed the file.
            _seconds(_of_garden, endpoint, folder)
            rounds = [
                (_seconds(_of_garden, endpoint, folder), _seconds(_of_hub_library, endpoint, folder))
                for _ in range(options.rounds)
            ]
    ratios = [plain / own for own, plain in rounds]
    own, plain = (size / statistics.median(times) / 1e6 for times in zip(*rounds, strict=True))
    print(
        f"download with its hash / hf_hub_download without: {statistics.median(ratios):.2f} "
        f"(n={len(ratios)}, spread {min(ratios):.2f}…{max(ratios):.2f}; {own:.0f} against {plain:.0f} MB/s)"
    )


if __name__ == "__main__":
    main()
