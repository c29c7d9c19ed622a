"""A thousand malformed files through the program, here and from a Hub on loopback: time, memory, answers."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.hubserver.server import HubServer
from tests.services.malformed_child import Report, hub_of, run

COUNT = 1_000
LIMIT_SECONDS = 0.1
LIMIT_BYTES = 50_000_000


def main() -> int:
    """Print what the slowest took and how far memory grew; 1 when a limit is passed or an answer is none."""
    with tempfile.TemporaryDirectory(prefix="garden-bench-") as scratch:
        environment = {
            "GARDEN_DATA_DIR": f"{scratch}/data",
            "GARDEN_CACHE_DIR": f"{scratch}/cache",
            "HF_HOME": f"{scratch}/hf",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        here = run(0, COUNT, environment, Path(scratch))
        with HubServer(hub_of(0, COUNT)) as hub:
            there = run(0, COUNT, {**environment, "HF_ENDPOINT": hub.endpoint})
    return max(_told("here", here), _told("from a Hub", there))


def _told(where: str, report: Report) -> int:
    seconds, seed = report.slowest
    answers = ", ".join(f"{count} {answer}" for answer, count in sorted(report.answers.items()))
    print(
        f"{sum(report.answers.values()):,} malformed files {where}: {answers}; slowest {seconds * 1000:.0f} ms of "
        f"processor time (number {seed}; asked: at most {LIMIT_SECONDS * 1000:.0f}), memory grew by "
        f"{report.grown_bytes / 1e6:.1f} MB (asked: at most {LIMIT_BYTES / 1e6:.0f}); {len(report.wrong)} wrong"
    )
    for line in report.wrong:
        print(f"  {line}")
    return int(bool(report.wrong) or seconds > LIMIT_SECONDS or report.grown_bytes > LIMIT_BYTES)


if __name__ == "__main__":
    sys.exit(main())
