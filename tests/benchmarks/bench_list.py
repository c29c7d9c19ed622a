"""Discover's list at 10,000 models: filters, orders, frames while it scrolls, memory, verdicts that are made anew.

Without a Hub: rows are made here, with names, files and tags as real ones have them; what is timed is what a user waits
for, the paint included. Frames are those of one screen of 440 × 860 pixels; offscreen unless a display is there.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence

import psutil
from PySide6.QtWidgets import QApplication, QScrollBar

from garden.core.catalog import ModelSummary
from garden.core.licence import LicenceClass
from garden.core.model_query import ModelQuery
from garden.core.model_traits import ArchitectureKind
from garden.fit.rough_forecast import rough_forecast
from garden.gui.pages.model_row_delegate import ModelRowDelegate
from garden.gui.pages.row_list import RowList
from garden.gui.theme.theme import ThemeController
from garden.gui.viewmodels.model_list import ModelListModel
from garden.services.browse import ordered
from garden.services.rated_model import RatedModel
from tests.fit.headers import machine

ROWS = 10_000
LIMIT_MS, LIMIT_FRAME_MS, LIMIT_MIB = 50.0, 17.0, 60.0
SIZE = (440, 860)

_QUANTS = ("Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_K_M", "Q4_K_S", "IQ4_XS", "Q4_0", "Q3_K_M", "IQ3_M", "Q2_K")
_FAMILIES = (
    ("llama", ""),
    ("qwen3", ""),
    ("gemma3", ""),
    ("qwen3moe", "-A3B"),
    ("granitehybrid", "-h"),
    ("mamba2", ""),
)
_LICENSES = ("apache-2.0", "mit", "llama3.1", "gemma", "cc-by-nc-4.0", None)

#: Filters and orders as a user sets them, one after another.
_QUESTIONS = (
    ModelQuery(runs_here=True),
    ModelQuery(),
    ModelQuery(license_class=LicenceClass.PERMISSIVE),
    ModelQuery(license_class=LicenceClass.PERMISSIVE, kind=ArchitectureKind.MOE),
    ModelQuery(quant_type="Q4_K_M"),
    ModelQuery(updated_days=365),
    ModelQuery(
        runs_here=True, license_class=LicenceClass.PERMISSIVE, kind=ArchitectureKind.DENSE, quant_type="Q5_K_M",
        updated_days=365,
    ),
    ModelQuery(),
)  # fmt: skip
_SORTS = ("best_fit", "trending", "best_fit", "trending")


def main() -> int:
    """Print the figures; 1 when one is above its limit."""
    os.environ.setdefault("QT_QPA_PLATFORM", "xcb" if os.environ.get("DISPLAY") else "offscreen")
    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    theme = ThemeController(application)
    view, model = _view(theme)
    application.processEvents()
    gc.collect()
    before = psutil.Process().memory_info().rss
    rows = _rows(ROWS)
    model.replace(rows, more=False)
    application.processEvents()
    filtered = [_timed(functools.partial(model.set_query, query)) for query in _QUESTIONS * 3]
    orders = [_timed(functools.partial(_order, model, rows, sort)) for sort in _SORTS * 3]
    frames = _wheel(view, 1_500)
    jumps = _jumps(view, 400)
    gc.collect()
    held = (psutil.Process().memory_info().rss - before) / 2**20
    pieces, whole = _rerated(model)
    print(f"{ROWS:,} models, {SIZE[0]} x {SIZE[1]}, {application.platformName()}")
    for name, times in (("a filter", filtered), ("an order", orders)):
        print(
            f"{name}: median {statistics.median(times):.1f} ms, longest {max(times):.1f} ms (asked: < {LIMIT_MS:.0f})"
        )
    print(f"a frame while it scrolls: median {statistics.median(frames):.1f} ms, p99 {_p99(frames):.1f} ms (asked: < "
          f"{LIMIT_FRAME_MS:.0f}); after a jump: p99 {_p99(jumps):.1f} ms")  # fmt: skip
    print(f"rows, model and view: {held:.1f} MiB (asked: < {LIMIT_MIB:.0f})")
    print(f"all verdicts anew: {whole:.2f} s of another thread in pieces of 200 rows; the Qt thread is held for "
          f"{max(pieces):.1f} ms at most")  # fmt: skip
    kept = max(filtered) < LIMIT_MS and max(orders) < LIMIT_MS and _p99(frames) < LIMIT_FRAME_MS
    return 0 if kept and _p99(jumps) < LIMIT_FRAME_MS and held < LIMIT_MIB else 1


def _view(theme: ThemeController) -> tuple[RowList, ModelListModel]:
    view = RowList(theme, name="models", label="Models")
    view.setItemDelegate(ModelRowDelegate(theme, "row_model", view))
    model = ModelListModel(view)
    view.setModel(model)
    view.resize(*SIZE)
    view.show()
    return view, model


def _rows(count: int) -> list[RatedModel]:
    chance, here = random.Random(8), machine(21.3, total_gib=32)
    rows = []
    for number in range(count):
        family, mark = _FAMILIES[number % len(_FAMILIES)]
        billions = chance.choice((0.6, 1.7, 3.2, 8.2, 14.8, 30.5, 70.6))
        name = f"Model-{number}-{billions:g}B{mark}-Instruct"
        summary = ModelSummary(
            repo_id=f"author-{chance.randrange(400)}/{name}-GGUF",
            downloads=round(10 ** chance.uniform(1, 6)),
            likes=round(10 ** chance.uniform(0, 3.5)),
            license=chance.choice(_LICENSES),
            pipeline_tag="text-generation",
            parameters=round(billions * 1e9) + number,
            architecture=family,
            context_length=40_960,
            last_modified=f"202{chance.randrange(4, 7)}-0{chance.randrange(1, 10)}-11T08:00:00.000Z",
            tags=("gguf", "en", "conversational", f"base_model:quantized:author/{name}"),
            filenames=(*(f"{name}-{quant}.gguf" for quant in _QUANTS), "README.md", ".gitattributes"),
            has_gguf=True,
        )
        rows.append(RatedModel.of(summary, rough_forecast(summary, here, 16_384)))
    return rows


def _order(model: ModelListModel, rows: list[RatedModel], sort: str) -> None:
    model.replace(ordered(ModelQuery(sort=sort), rows), more=False)


def _timed(work: Callable[[], None]) -> float:
    """Milliseconds until it is done and painted."""
    started = time.perf_counter()
    work()
    QApplication.processEvents()
    return (time.perf_counter() - started) * 1000


def _wheel(view: RowList, steps: int) -> list[float]:
    bar = view.verticalScrollBar()
    bar.setValue(0)
    QApplication.processEvents()
    # Three rows a notch, down a long way and up again.
    return [_timed(functools.partial(_scroll, bar, 60 if step < steps * 0.8 else -60))
            for step in range(steps)]  # fmt: skip


def _scroll(bar: QScrollBar, pixels: int) -> None:
    bar.setValue(bar.value() + pixels)


def _jumps(view: RowList, count: int) -> list[float]:
    bar, chance = view.verticalScrollBar(), random.Random(3)
    return [_timed(lambda: bar.setValue(chance.randrange(bar.maximum()))) for _ in range(count)]


def _rerated(model: ModelListModel) -> tuple[list[float], float]:
    """Milliseconds that each piece holds the Qt thread, and seconds that rating all of them takes."""
    elsewhere, rows = machine(60, total_gib=64), list(model.loaded_rows)
    held, spent = [], 0.0
    for start in range(0, len(rows), 200):
        began = time.perf_counter()
        anew = [
            dataclasses.replace(row, forecast=rough_forecast(row.summary, elsewhere, 16_384))
            for row in rows[start : start + 200]
        ]
        spent += time.perf_counter() - began
        held.append(_timed(functools.partial(model.take_ratings, anew)))
    held.append(_timed(model.settle))
    return held, spent


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[round(0.99 * (len(values) - 1))]


if __name__ == "__main__":
    sys.exit(main())
