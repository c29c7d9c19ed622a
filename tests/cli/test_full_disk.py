"""A disk that takes nothing more blocks no command that only reads, and none that makes room."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")

_WARNING = "Nothing can be noted now. The disk is full; this was not stored. Free some space, then try again.\n"


@pytest.fixture
def full_disk(data_dirs: Path) -> Path:
    """Both databases lie where nothing can be written; returns the data folder."""
    data, cache = Path(os.environ["GARDEN_DATA_DIR"]), Path(os.environ["GARDEN_CACHE_DIR"])
    for folder, name in ((data, "work.sqlite"), (cache, "index.sqlite")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to("/dev/full")
    return data


def test_the_library_is_listed(cli: Cli, full_disk: Path, tiny_model: Path) -> None:
    (full_disk / "models").mkdir()
    shutil.copy(tiny_model, full_disk / "models" / "Here.gguf")

    ran = cli("library", "--json")

    assert (ran.code, ran.err) == (0, _WARNING)
    assert [entry["name"].partition(":")[0] for entry in ran.json] == ["Here"]


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_memory_is_forecast(cli: Cli, full_disk: Path, tiny_model: Path, as_json: tuple[str, ...]) -> None:
    ran = cli("fit", str(tiny_model), *as_json)

    assert (ran.code, ran.err) == (0, _WARNING)
    assert ran.out


def test_the_machine_is_told(cli: Cli, full_disk: Path) -> None:
    ran = cli("hardware", "--json")

    assert (ran.code, ran.err) == (0, _WARNING)
    assert ran.json["ram_total_bytes"] > 0


def test_a_model_is_removed(cli: Cli, full_disk: Path, tiny_model: Path) -> None:
    (full_disk / "models").mkdir()
    model = full_disk / "models" / "Here.gguf"
    shutil.copy(tiny_model, model)

    ran = cli("library", "remove", "Here", "--yes", "--permanently")

    assert ran.code == 0
    assert not model.exists()


def test_what_has_to_be_noted_is_not_begun(cli: Cli, full_disk: Path, tiny_model: Path) -> None:
    ran = cli("quantize", str(tiny_model), "Q8_0")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "The disk is full; this was not stored. Free some space, then try again.\n"
