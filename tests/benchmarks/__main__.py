"""All benchmarks: ratios taken side by side in one run, medians of interleaved repetitions. Never a test."""

from __future__ import annotations

import importlib
import sys

#: In this order; each prints its own lines.
BENCHMARKS = (
    "bench_help", "bench_fit", "bench_resident", "bench_speed", "bench_twins", "bench_generate", "bench_window",
    "bench_list", "bench_drain", "bench_slider", "bench_malformed", "bench_transfer",
)  # fmt: skip


def main(names: list[str]) -> int:
    """Run the benchmarks named, or all."""
    sys.argv[1:] = []  # each benchmark run by itself has arguments of its own
    for name in names or BENCHMARKS:
        print(f"{name}:", flush=True)
        importlib.import_module(f"tests.benchmarks.{name}").main()
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
