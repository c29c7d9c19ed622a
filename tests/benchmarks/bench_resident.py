"""Resident sets that are forecast before a load against the high-water marks of the processes of real panes.

Run it: ``python -m tests.benchmarks.bench_resident [--only WORD]``. The first load of a machine is forecast by what
other machines showed; the later ones by what was learned here.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

from garden.core.run_configuration import RunConfiguration
from garden.gui.viewmodels.audit_rows import AuditKind, audit_rows
from garden.services.garden import Garden
from tests.benchmarks.speed_models import MODELS

#: Small, large, with a large vocabulary, of experts, recurrent.
NAMES = ("0.5B mixed", "1B Q4_0", "narrow Q6_K", "experts Q4_K", "normed Q4_K_M", "recurrent F16")

_QUESTION = "What does a garden want each day?"


def main(arguments: Sequence[str] | None = None) -> float:
    """Print a table; the mean error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    options = parser.parse_args(arguments)
    errors: list[float] = []
    print(f"{'model':20} {'context':>8} {'forecast':>10} {'peak':>10} {'error':>7}")
    with tempfile.TemporaryDirectory() as temporary:
        folders = {name: str(Path(temporary) / name.lower()) for name in ("GARDEN_DATA_DIR", "GARDEN_CACHE_DIR")}
        with mock.patch.dict(os.environ, folders), Garden.open(work_offline=True) as garden:
            starter = os.environ.get("GARDEN_TEST_STARTER")
            paths = {"starter Q4_1": Path(starter)} if starter else {}
            paths |= {
                model.name: Path(temporary) / f"{model.name.replace(' ', '-')}.gguf"
                for model in MODELS
                if model.name in NAMES
            }
            for name, path in paths.items():
                if options.only not in name:
                    continue
                if not path.exists():
                    next(model for model in MODELS if model.name == name).write(path, merges=True)
                for context_length in (2_048, 8_192):
                    errors.append(_load(garden, name, path, context_length))
    mean = sum(map(abs, errors)) / len(errors)
    print(f"mean error {mean:.1%}, worst {max(map(abs, errors)):.1%}")
    return mean


def _load(garden: Garden, name: str, path: Path, context_length: int) -> float:
    """Load a model in a pane, ask it once, and print what its process came to."""
    configuration: RunConfiguration = garden.compare.configuration_for(garden.library.add_file(path))
    configuration = configuration.with_load(context_length=context_length).with_ask(max_tokens=16)
    conversation = garden.compare.new([configuration])
    answer = garden.compare.ask(conversation.id, _QUESTION).result(120).answers[0]
    if answer.error:
        raise SystemExit(f"{name}: {answer.error}")
    garden.compare.delete(conversation.id)
    (row, *_older) = audit_rows(garden.audit.records(), AuditKind.RESIDENT)
    error = row.error or 0.0
    forecast = row.forecast_bytes or 0
    print(
        f"{name:20} {context_length:8,} {forecast / 2**20:8.1f} M {row.seen_bytes / 2**20:8.1f} M {error:+7.1%}",
        flush=True,
    )
    return error


if __name__ == "__main__":
    main()
