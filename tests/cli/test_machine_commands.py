from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from garden.core.errors import StateError, WorkerDiedError
from garden.services import calibration
from garden.services.garden import Garden
from tests.cli.conftest import Cli
from tests.hubserver import HubServer


def test_the_machine_as_json_has_exactly_the_keys_of_the_contract(cli: Cli) -> None:
    machine = cli("hardware", "--json").json

    assert set(machine) == {"ram_total_bytes", "ram_available_bytes", "cpu", "gpus", "engine"}
    assert set(machine["cpu"]) == {"name", "physical_cores", "features"}
    assert set(machine["engine"]) == {"installed", "version", "devices"}
    for gpu in machine["gpus"]:
        assert set(gpu) == {"name", "vendor", "memory_total_bytes", "memory_free_bytes", "unified", "asleep"}
    assert 0 < machine["ram_available_bytes"] <= machine["ram_total_bytes"]


def test_the_machine_as_text(cli: Cli) -> None:
    ran = cli("hardware")

    assert [line.split()[0] for line in ran.out.splitlines()][:2] == ["Memory", "Processor"]
    assert ran.code == 0


def test_every_check_of_the_doctor_tells_what_was_found(cli: Cli, hub: HubServer) -> None:
    ran = cli("doctor", "--json")

    assert all(set(check) == {"name", "ok", "detail", "action"} for check in ran.json)
    found = {check["name"]: check for check in ran.json}
    assert {"Python", "Engine", "Window", "Data folder", "Cache folder", "Hub", "Starter model"} <= set(found)
    assert found["Hub"]["detail"] == f"{hub.endpoint} answers."
    assert all(check["detail"].endswith(".") for check in ran.json)
    assert ran.code == (0 if all(check["ok"] for check in ran.json) else 1)


def test_a_hub_that_does_not_answer_is_found_by_the_doctor(cli: Cli) -> None:
    ran = cli("doctor", "--json")

    (hub,) = [check for check in ran.json if check["name"] == "Hub"]
    assert (ran.code, hub["ok"]) == (1, False)
    assert hub["action"]
    assert "checks failed" in ran.err


def test_the_doctor_sees_what_keeps_garden_from_opening(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Garden:
        raise StateError("The disk is full.", "Free some space.")

    monkeypatch.setattr(Garden, "open", refuse)

    ran = cli("doctor", "--json")

    (state,) = [check for check in ran.json if check["name"] == "Databases"]
    assert (state["ok"], state["detail"], state["action"]) == (False, "The disk is full.", "Free some space.")
    assert ran.code == 1


def test_a_folder_that_cannot_be_written_is_found(cli: Cli, monkeypatch: pytest.MonkeyPatch, data_dirs: Path) -> None:
    blocked = data_dirs.parent / "blocked"
    blocked.write_text("a file where a folder should be")
    monkeypatch.setenv("HF_HUB_CACHE", str(blocked / "hub"))

    ran = cli("doctor", "--json")

    (folder,) = [check for check in ran.json if check["name"] == "Downloads folder"]
    assert folder["ok"] is False


def test_the_catalogue_of_other_machines_is_listed_with_origins(cli: Cli) -> None:
    listed = cli("hardware", "--catalogue", "--json").json
    table = cli("hardware", "--catalogue").out

    assert len(listed) > 40
    assert all(machine["origin"] and machine["memory_bytes"] for machine in listed)
    assert all(machine["id"] in table for machine in listed)


def test_a_measurement_as_json_is_one_document_and_stays_known(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "_LIMIT_SECONDS", 1.0)

    ran = cli("hardware", "--calibrate", "--json")

    assert ran.code == 0
    measured = ran.json["calibration"]
    assert set(measured) == {"measured_at", "seconds", "threads", "on_battery", "busy_share", "disturbance", "devices"}
    assert 0 < measured["seconds"] < 30
    (processor,) = [device for device in measured["devices"] if device["device"] == "cpu"]
    assert [kind["type"] for kind in processor["types"]][:1] == ["Q4_0"]
    assert all(kind["decode_bytes_per_second"] > 1e8 for kind in processor["types"])
    assert "reads weights of Q4_0 " in cli("hardware").out
    assert cli("hardware", "--json").json["calibration"] == measured


def test_a_measurement_that_fails_says_why(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def died(*_arguments: object, **_options: object) -> None:
        raise WorkerDiedError("The process ended.", "Try again; the log says more.")

    monkeypatch.setattr(calibration, "run_task", died)

    ran = cli("hardware", "--calibrate", "--json")

    assert (ran.code, ran.out) == (1, "")
    assert "The process ended." in ran.err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal for one process")
def test_an_interrupted_measurement_ends_with_130_and_leaves_nothing(
    start: Callable[..., subprocess.Popen[str]], cli: Cli
) -> None:
    process = start("hardware", "--calibrate")
    deadline = time.monotonic() + 30
    while not any("calibrate" in child.cmdline() for child in _children(process.pid)):
        assert time.monotonic() < deadline
        time.sleep(0.05)

    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=15)

    assert process.returncode == 130
    assert "not measured" in cli("hardware").out


def _children(pid: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(pid).children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]
