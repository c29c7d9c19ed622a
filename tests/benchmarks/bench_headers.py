"""What forecasts cost: a first read of a local file, one file from a parsed header, a search page of 200.

Each is the median of repetitions in this process; the file is in the system's cache, as one that was just downloaded.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from garden.core.catalog import ModelSummary
from garden.core.paths import resource_path
from garden.core.run_configuration import LoadParameters
from garden.fit.estimator import forecast, rough_forecast
from garden.gguf.byte_source import FileSource
from garden.gguf.header import GgufHeader, read_header
from garden.gguf.tensor_list import read_sparingly
from tests.fit.headers import gpu, machine
from tests.hubserver.gguf_header import header
from tests.hubserver.mixture import MIXTURES, stored_tensors
from tests.hubserver.shapes import Model

REPETITIONS = 15
PAGE = 200
LIMITS_MS = {"first": 60.0, "formula": 1.0, "page": 100.0}

#: 151,936 words and as many merges; and the largest vocabulary, for comparison.
FILES = ("Qwen3 8B", "Gemma 3 12B")


def milliseconds(work: Callable[[], object]) -> float:
    """Median wall-clock time."""
    times = []
    for _ in range(REPETITIONS):
        gc.collect()
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def main() -> int:
    """Print the figures; 1 when one is above its limit."""
    items = {item["name"]: item for item in json.loads(resource_path("catalogue/models.json").read_bytes())["items"]}
    with tempfile.TemporaryDirectory(prefix="garden-bench-") as scratch:
        paths = [written(Model(items[name]), Path(scratch) / f"{name}.gguf") for name in FILES]
        first = [milliseconds(lambda path=path: _read(path, read_header)) for path in paths]  # type: ignore[misc]
        ends = [milliseconds(lambda path=path: _read(path, read_sparingly)) for path in paths]  # type: ignore[misc]
    headers = [_header(Model(item)) for item in items.values()]
    here = machine(21.3, gpu(8, free_gib=7.6), total_gib=32)
    load = LoadParameters(context_length=16_384)
    for head in headers:
        forecast(head, load, here)
    formula = milliseconds(lambda: [forecast(head, load, here) for head in headers]) / len(headers)
    rows = [_row(item, number) for number in range(PAGE // len(items) + 1) for item in items.values()][:PAGE]
    page = milliseconds(lambda: [rough_forecast(row, here, 16_384) for row in rows])
    several = [headers[number % len(headers)] for number in range(PAGE)]
    formulas = milliseconds(lambda: [forecast(head, load, here) for head in several])
    print(
        f"first read of a local header: {first[0]:.1f} ms with 150k words (asked: at most {LIMITS_MS['first']:.0f}), "
        f"{first[1]:.1f} ms with 260k; its two ends alone {ends[0]:.1f} and {ends[1]:.1f} ms\n"
        f"formula from a parsed header: {formula:.2f} ms a file, mean of {len(headers)} models "
        f"(asked: at most {LIMITS_MS['formula']:.0f})\n"
        f"{PAGE} rows of a search page: {page:.1f} ms (asked: at most {LIMITS_MS['page']:.0f}); "
        f"{PAGE} files by the formula {formulas:.0f} ms; n={REPETITIONS}"
    )
    missed = first[0] > LIMITS_MS["first"] or formula > LIMITS_MS["formula"] or max(page, formulas) > LIMITS_MS["page"]
    return int(missed)


def written(model: Model, path: Path) -> Path:
    """A file of this model in Q4_K_M, with a hole in place of the weights."""
    stored = list(stored_tensors(model, MIXTURES["Q4_K_M"]))
    head = header(model, MIXTURES["Q4_K_M"], stored, 0, 1, len(stored))
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + stored[-1].offset + stored[-1].size_bytes)
    return path


def _read(path: Path, read: Callable[[FileSource], GgufHeader]) -> GgufHeader:
    with FileSource(path) as source:
        return read(source)


def _header(model: Model) -> GgufHeader:
    with tempfile.TemporaryDirectory(prefix="garden-bench-") as scratch:
        return _read(written(model, Path(scratch) / "m.gguf"), read_header)


def _row(item: dict[str, object], number: int) -> ModelSummary:
    name = f"owner/Model-{number}-GGUF"
    files = tuple(f"Model-{quant}.gguf" for quant in MIXTURES)
    parameters = item["parameters"]
    assert isinstance(parameters, int)
    architecture = str(item["architecture"])
    return ModelSummary(repo_id=name, parameters=parameters, architecture=architecture, filenames=files, has_gguf=True)


if __name__ == "__main__":
    sys.exit(main())
