"""How long ``garden --help`` takes, against an interpreter that does nothing, in fresh processes, interleaved."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

REPETITIONS = 9


def seconds(*arguments: str) -> float:
    """Wall-clock time of one fresh interpreter."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Print the medians and their ratio."""
    pairs = [(seconds("-m", "garden", "--help"), seconds("-c", "pass")) for _ in range(REPETITIONS)]
    garden, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"garden --help: {garden:.2f} s (asked: at most 0.30), {garden / bare:.1f}× an interpreter that does nothing "
        f"({bare:.2f} s); n={REPETITIONS}, interleaved"
    )


if __name__ == "__main__":
    main()
