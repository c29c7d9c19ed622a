from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import REPO, Cli
from tests.hubserver import HubServer

KEYS = {"name", "path", "architecture", "quant_type", "parameters", "size_bytes", "source", "verified"}


@pytest.fixture
def mine(tiny_model: Path, tmp_path: Path) -> Path:
    """A model in a folder of the user's."""
    (tmp_path / "models").mkdir()
    return Path(shutil.copyfile(tiny_model, tmp_path / "models" / "Mine-F16.gguf"))


def test_an_empty_library(cli: Cli) -> None:
    assert cli("library", "--json").json == []
    assert cli("library").out == "No model is here yet. Fetch one: garden download starter\n"


def test_an_added_folder_is_listed_from_then_on(cli: Cli, mine: Path) -> None:
    added = cli("library", "scan", str(mine.parent), "--json").json

    (entry,) = cli("library", "--json").json
    assert [entry] == added
    assert set(entry) == KEYS
    assert set(entry["source"]) == {"repo_id", "revision", "sha256"}
    assert (entry["name"], entry["path"], entry["quant_type"]) == ("Mine:F16", str(mine), "F16")
    assert entry["parameters"] > 1_000_000
    assert (entry["verified"], entry["source"]) == (None, {"repo_id": None, "revision": None, "sha256": None})


def test_a_download_is_listed_with_its_source(cli: Cli, hub: HubServer) -> None:
    cli("download", f"{REPO}:F16")

    (entry,) = cli("library", "--json").json

    assert entry["source"]["repo_id"] == REPO
    assert len(entry["source"]["revision"]) == 40
    assert len(entry["source"]["sha256"]) == 64
    assert entry["verified"] is True


def test_a_damaged_file_is_listed_as_such(cli: Cli, mine: Path) -> None:
    mine.write_text("no longer a model")
    cli("library", "scan", str(mine.parent))

    ran = cli("library")

    assert ran.code == 0
    assert "not a GGUF file" in ran.out


def test_verify_finds_a_flipped_bit(cli: Cli, hub: HubServer) -> None:
    cli("download", f"{REPO}:F16")
    assert cli("library", "verify").code == 0
    path = Path(cli("library", "--json").json[0]["path"]).resolve()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)

    ran = cli("library", "verify", f"{REPO}:F16")

    assert ran.code == 1
    assert "DAMAGED" in ran.out
    assert ran.err.endswith("differs from what was promised. Remove it and fetch it again.\n")
    assert cli("library", "verify", "--json").json[0]["verified"] is False


def test_what_nobody_promised_a_hash_for_is_said_to_be_so(cli: Cli, mine: Path) -> None:
    ran = cli("library", "verify", str(mine))

    assert ran.code == 0
    assert "nobody promised a hash" in ran.out


def test_remove_asks_and_a_no_changes_nothing(cli: Cli, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("click.confirm", lambda *_args, **_options: False)

    ran = cli("library", "remove", str(mine))

    assert ran.code == 130
    assert mine.exists()


def test_remove_for_good(cli: Cli, mine: Path) -> None:
    cli("library", "scan", str(mine.parent))

    ran = cli("library", "remove", "Mine:F16", "--permanently", "--yes", "--json")

    assert ran.json == []
    assert not mine.exists()


def test_a_model_that_is_not_there_cannot_be_removed(cli: Cli) -> None:
    ran = cli("library", "remove", "nothing", "--yes")

    assert ran.code == 1
    assert "nothing" in ran.err
