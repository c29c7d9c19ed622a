from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from garden.core.job_record import JobRecord, JobState
from garden.core.paths import hub_cache_dir
from garden.services.garden import Garden
from tests.cli.conftest import REPO, Cli
from tests.hubserver import Fault, HubServer
from tests.services.other_programs.store_files import in_ollama

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
    assert set(entry["source"]) == {"origin", "repo_id", "revision", "sha256"}
    assert (entry["name"], entry["path"], entry["quant_type"]) == ("Mine:F16", str(mine), "F16")
    assert entry["parameters"] > 1_000_000
    assert entry["verified"] is None
    assert entry["source"] == {"origin": "folder", "repo_id": None, "revision": None, "sha256": None}


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


@pytest.mark.parametrize(
    "command",
    [
        ("library", "remove", "Mine", "--yes", "--permanently"),
        ("library", "verify", "Mine"),
        ("fit", "Mine"),
        ("compare", "Hello", "--model", "Mine"),
        ("quantize", "Mine", "Q8_0", "--dry-run"),
        ("quality", "Mine", "Mine"),
        ("export", "Mine", "--format", "ollama", "-o", "out"),
    ],
)
def test_no_command_picks_one_of_several_models_by_itself(cli: Cli, mine: Path, command: tuple[str, ...]) -> None:
    twin = mine.parent / "other" / mine.name
    twin.parent.mkdir()
    shutil.copyfile(mine, twin)
    cli("library", "scan", str(mine.parent))

    ran = cli(*command)

    assert ran.code == 1
    assert ran.err == f"2 models here are called “Mine”. Which one? Write one of: {mine}, {twin}.\n"
    assert (mine.exists(), twin.exists()) == (True, True)


def test_remove_shows_where_it_lies_before_it_asks(cli: Cli, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("click.confirm", lambda question, **_options: asked.append(question))
    cli("library", "scan", str(mine.parent))

    assert cli("library", "remove", "Mine", "Mine:F16").code == 130

    told = "It goes to the bin; 2.54 MiB are free once that is emptied."
    assert asked[0] == f"  {mine}\n    {told}\nRemove Mine:F16?"


@pytest.fixture
def killed(start: Callable[..., subprocess.Popen[str]], hub: HubServer) -> Path:
    """The part that a killed download has left."""
    hub.faults.add(Fault("slow", bytes_per_second=600_000))
    process = start("download", f"{REPO}:F16", "--json")
    assert process.stdout is not None
    for line in process.stdout:
        if '"progress"' in line and '"done": 0' not in line:
            break
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    # The child that fetches ends a moment later, and holds its part until then.
    assert psutil.wait_procs(children, timeout=10)[1] == []
    (part,) = hub_cache_dir().rglob("*.incomplete")
    return part


def _jobs() -> tuple[JobRecord, ...]:
    with Garden.open() as garden:
        return garden.activity.jobs()


def test_what_a_killed_download_left_is_listed_and_can_be_cleared(cli: Cli, killed: Path) -> None:
    listed = cli("library")

    assert f"Unfinished downloads: {REPO} (" in listed.out
    assert "garden library remove --unfinished" in listed.out
    assert cli("library", "--json").json == []

    ran = cli("library", "remove", "--unfinished", "--yes")

    assert ran.code == 0
    assert ran.out.startswith(f"Removed what was here of {REPO}, ")
    assert not killed.exists()
    assert "Unfinished" not in cli("library").out


def test_a_paused_download_without_its_part_is_cancelled(cli: Cli, killed: Path) -> None:
    assert cli("library", "remove", "--unfinished", REPO, "--yes").code == 0

    assert [job.state for job in _jobs()] == [JobState.CANCELLED]


@pytest.mark.parametrize("named", ["owner/another", "owner/another:Q4_K_M"])
def test_parts_of_other_repositories_stay(cli: Cli, killed: Path, named: str) -> None:
    ran = cli("library", "remove", "--unfinished", named, "--yes")

    assert (ran.code, ran.err) == (1, "No download is unfinished here. `garden library` lists what is here.\n")
    assert killed.exists()


def test_parts_are_asked_for_before_they_go(cli: Cli, killed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("click.confirm", lambda *_args, **_options: False)

    assert cli("library", "remove", "--unfinished").code == 130
    assert killed.exists()


def test_removing_nothing_named_is_wrong_usage(cli: Cli) -> None:
    assert cli("library", "remove", "--yes").code == 2


@pytest.mark.parametrize(
    ("content", "problem"),
    [(0, "This is not a GGUF file."), (20_000, "not a complete GGUF file"), (-1000, "not a complete GGUF file")],
)
def test_verify_says_why_a_file_is_none_and_fails(cli: Cli, mine: Path, content: int, problem: str) -> None:
    cli("library", "scan", str(mine.parent))
    mine.write_bytes(mine.read_bytes()[:content] if content else b"")

    for ran in (cli("library", "verify", str(mine)), cli("library", "verify")):
        assert ran.code == 1
        assert problem in ran.out
        assert ran.err.startswith("Mine-F16.gguf cannot be used: ")


def test_models_of_other_programs_are_listed_with_their_word_and_stay(cli: Cli, tiny_model: Path) -> None:
    blob = in_ollama(tiny_model)

    (entry,) = cli("library", "--json").json
    assert (entry["name"], entry["path"], entry["source"]["origin"]) == ("tiny:latest", str(blob), "Ollama")
    ran = cli("library", "remove", "tiny:latest", "--yes")

    assert ran.code == 1
    assert ran.err == "tiny:latest belongs to Ollama; Garden only reads it. Remove it there: ollama rm tiny:latest\n"
    assert blob.exists()


def test_removing_says_what_it_frees_before_and_after(cli: Cli, mine: Path, tmp_path: Path) -> None:
    os.link(mine, tmp_path / "other-name.bin")
    cli("library", "scan", str(mine.parent))

    ran = cli("library", "remove", "Mine:F16", "--permanently", "--yes")

    assert ran.out == "Mine was removed; 2.54 MiB stay, held by something else.\n"
    assert not mine.exists()


def test_a_single_file_is_added_and_forgotten_also_when_it_is_gone(cli: Cli, mine: Path) -> None:
    shutil.copyfile(mine, mine.with_name("Other-F16.gguf"))

    assert [entry["name"] for entry in cli("library", "scan", str(mine), "--json").json] == ["Mine:F16"]
    mine.unlink()
    assert "It is no longer in" in cli("library").out
    assert cli("library", "forget", str(mine), "--json").json == []
    assert cli("library", "--json").json == []


def test_a_folder_is_added_and_forgotten(cli: Cli, mine: Path) -> None:
    assert [entry["name"] for entry in cli("library", "scan", str(mine.parent), "--json").json] == ["Mine:F16"]

    assert cli("library", "forget", str(mine.parent), "--json").json == []

    assert mine.exists()
    assert cli("library", "--json").json == []
    refused = cli("library", "forget", str(mine.parent))
    assert (refused.code, refused.out) == (1, "")


def test_all_that_is_known_of_a_model_is_shown(cli: Cli, mine: Path) -> None:
    cli("library", "scan", str(mine.parent))

    before = cli("library", "show", "Mine:F16", "--json").json
    cli("library", "verify", "Mine:F16")
    after = cli("library", "show", "Mine:F16")

    assert (before["name"], before["path"]) == ("Mine:F16", str(mine))
    assert (before["sha256"], before["checked"]) == ("not hashed yet", "not yet")
    assert (before["speed"], before["last used"]) == ("not measured yet", "never")
    assert f"  sha256: {hashlib.sha256(mine.read_bytes()).hexdigest()}\n" in after.out
    assert "  checked: hashed; nobody promised a hash, " in after.out
    assert "  remove: It goes to the bin; " in after.out
    missing = cli("library", "show", "Nothing:F16")
    assert (missing.code, missing.out) == (1, "")


def test_duplicates_are_listed_with_what_each_would_free(cli: Cli, mine: Path, tiny_model: Path) -> None:
    blob = in_ollama(tiny_model)
    cli("library", "scan", str(mine.parent))
    assert "1 model was not hashed yet" in cli("library", "--duplicates").out
    cli("library", "verify")

    (group,) = cli("library", "--duplicates", "--json").json

    size = mine.stat().st_size
    assert (group["size_bytes"], group["twice_bytes"]) == (size, size)
    assert [(model["path"], model["frees_bytes"]) for model in group["models"]] == [(str(blob), 0), (str(mine), size)]
    assert "belongs to Ollama" in cli("library", "--duplicates").out


def test_a_replaced_file_is_told_and_fetched_beside_the_old(cli: Cli, hub: HubServer, tiny_model: Path) -> None:
    cli("download", f"{REPO}:F16")
    served = hub.state.repositories[REPO]
    hub.state.put([served.committing("2026-11-20T08:00:00Z", **{tiny_model.name: tiny_model.read_bytes() + bytes(64)})])

    (found,) = cli("library", "upstream", "--json").json
    assert (found["state"], found["newest"]["modified"]) == ("changed", "2026-11-20T08:00:00Z")
    assert "replaced on the Hub, 2026-11-20, 2.54 MiB" in cli("library", "upstream").out
    assert "Fetched Tiny-Chat:F16" in cli("library", "upstream", "--fetch").out

    assert len({entry["source"]["revision"] for entry in cli("library", "--json").json}) == 2


def test_the_models_folder_moves_with_its_files(cli: Cli, tiny_model: Path, data_dirs: Path, tmp_path: Path) -> None:
    (data_dirs / "data" / "models").mkdir(parents=True)
    shutil.copyfile(tiny_model, data_dirs / "data" / "models" / "Mine-F16.gguf")

    ran = cli("library", "move", str(tmp_path / "new"))

    assert ran.out == f"The models folder is {tmp_path / 'new'} now.\n"
    assert [entry["path"] for entry in cli("library", "--json").json] == [str(tmp_path / "new" / "Mine-F16.gguf")]
