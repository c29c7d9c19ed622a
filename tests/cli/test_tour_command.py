"""The main job from start to end: on a small model in seconds, on the starter where it is here."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from garden.core.errors import StateError
from garden.services import starter
from tests.cli.conftest import Cli, Ran
from tests.services.conftest import endless_model

pytestmark = pytest.mark.engine

__all__ = ["endless_model"]

STEPS = [
    "This machine",
    "Will it run? (from the header alone)",
    "A chat turn",
    "Smaller versions",
    "What each lost, measured",
    "Side by side, one model at a time",
    "Taking the chosen one away",
    "A picture of every page",
]


def draw(folder: str) -> list[str]:
    """Pictures without a window."""
    Path(folder).mkdir(parents=True)
    picture = Path(folder) / "compare.png"
    picture.write_bytes(b"PNG")
    return [str(picture)]


def lines_of(ran: Ran) -> list[str]:
    return [event["text"] for event in ran.events if event["event"] == "line"]


def test_the_whole_tour(cli: Cli, endless_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tour"

    ran = cli("tour", "-o", str(folder), "--model", str(endless_model), "--json", render_pages=draw)

    assert ran.code == 0
    assert [event["title"] for event in ran.events if event["event"] == "step"] == STEPS
    last = ran.events[-1]
    assert (last["event"], last["replay"]) == ("succeeded", "reproduces")
    assert last["pictures"] == [str(folder / "pages" / "compare.png")]
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    models = {f"models/Tiny-Endless-{name}.gguf" for name in ("Q4_0", "Q3_K_M", "Q2_K")}
    exports = {
        "exports/ollama/Modelfile",
        "exports/llama-server/llama-server.sh",
        "exports/llama-server/llama-server.ps1",
        "exports/llama-cpp-python/answer.py",
    }
    documents = {"comparison.html", "comparison.json", "receipts.json", "pages/compare.png"}
    assert written == models | exports | documents


def test_the_comparison_holds_two_prompts_to_three_panes_with_figures(
    cli: Cli, endless_model: Path, tmp_path: Path
) -> None:
    cli("tour", "-o", str(tmp_path), "--model", str(endless_model))

    comparison = json.loads((tmp_path / "comparison.json").read_text())
    assert [len(turn["answers"]) for turn in comparison["turns"]] == [3, 3]
    for turn in comparison["turns"]:
        assert turn["order"] == "ABC"
        assert all(answer["decode_tokens_per_second"] > 0 for answer in turn["answers"])
        assert all(answer["buffers_bytes"] > 0 for answer in turn["answers"])
    page = (tmp_path / "comparison.html").read_text()
    assert "<script" not in page
    assert "Why is the sky blue?" in page
    receipts = json.loads((tmp_path / "receipts.json").read_text())
    assert [receipt["quant_type"] for receipt in receipts["receipts"]] == ["Q4_0", "Q3_K_M", "Q2_K"]
    assert all(receipt["size_bytes"] == receipt["forecast_size_bytes"] for receipt in receipts["receipts"])
    assert len(receipts["losses"]) == 3


def test_it_leaves_nothing_in_the_library(cli: Cli, endless_model: Path, tmp_path: Path) -> None:
    cli("tour", "-o", str(tmp_path), "--model", str(endless_model))

    assert cli("library", "--json").json == []


def test_without_qt_a_sentence_stands_for_the_pictures(cli: Cli, endless_model: Path, tmp_path: Path) -> None:
    def no_qt(folder: str) -> list[str]:
        raise ModuleNotFoundError("No module named 'PySide6'", name="PySide6")

    ran = cli("tour", "-o", str(tmp_path), "--model", str(endless_model), render_pages=no_qt)

    assert ran.code == 0
    assert "There are none: The window needs PySide6, which is not installed." in ran.out


def test_pictures_that_cannot_be_drawn_do_not_spoil_the_tour(cli: Cli, endless_model: Path, tmp_path: Path) -> None:
    def refuse(folder: str) -> list[str]:
        raise StateError("The folder could not be written.", "Choose another one.")

    ran = cli("tour", "-o", str(tmp_path), "--model", str(endless_model), render_pages=refuse)

    assert ran.code == 0
    assert "The folder could not be written." in ran.out


def test_a_second_tour_into_the_same_folder_replaces_the_first(cli: Cli, endless_model: Path, tmp_path: Path) -> None:
    arguments = ("tour", "-o", str(tmp_path), "--model", str(endless_model))

    assert [cli(*arguments).code, cli(*arguments).code] == [0, 0]


def test_what_is_no_model_ends_it_with_a_sentence(cli: Cli, tmp_path: Path) -> None:
    note = tmp_path / "note.gguf"
    note.write_text("This is a note.")

    ran = cli("tour", "-o", str(tmp_path / "tour"), "--model", str(note))

    assert ran.code == 1
    assert ran.err.startswith("This is not a GGUF file.")


def test_a_folder_that_cannot_be_made_ends_it_with_a_sentence(cli: Cli, endless_model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    ran = cli("tour", "-o", str(tmp_path / "file" / "tour"), "--model", str(endless_model))

    assert ran.code == 1
    assert "-o DIR" in ran.err


def test_a_starter_that_cannot_be_fetched_ends_it_with_a_sentence(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")

    ran = cli("tour", "-o", str(tmp_path))

    assert ran.code == 1
    assert "It is fetched once" in ran.out
    assert "could not be fetched" in ran.err


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_ends_it_cleanly(
    start: Callable[..., subprocess.Popen[str]], endless_model: Path, tmp_path: Path
) -> None:
    process = start("tour", "-o", str(tmp_path / "tour"), "--model", str(endless_model), "--json")
    assert process.stdout is not None
    for line in process.stdout:
        if "What each lost" in line:
            break
    children = psutil.Process(process.pid).children(recursive=True)

    os.killpg(process.pid, signal.SIGINT)
    _out, err = process.communicate(timeout=20)

    assert (process.returncode, err.strip()) == (130, "Cancelled.")
    assert psutil.wait_procs(children, timeout=1)[1] == []
    assert list(tmp_path.rglob("*.part")) == []


@pytest.mark.starter
@pytest.mark.timeout(300)
def test_the_tour_of_the_starter_takes_less_than_three_minutes(cli: Cli, starter_path: Path, tmp_path: Path) -> None:
    starter.starter_path().parent.mkdir(parents=True)
    shutil.copyfile(starter_path, starter.starter_path())
    before = sum(os.times()[:4])

    ran = cli("tour", "-o", str(tmp_path), "--json", render_pages=draw)

    # Of one processor, with the children: what else the machine does meanwhile does not count.
    seconds = sum(os.times()[:4]) - before
    assert ran.code == 0
    assert ran.events[-1]["replay"] == "reproduces"
    assert any(line.startswith("Refused at first: This model is already quantized (Q4_1)") for line in lines_of(ran))
    # The order of the losses is not that of the names.
    assert any("Closest first: Q3_K_M, Q4_0, Q2_K." in line for line in lines_of(ran))
    assert ran.events[-1]["chosen"] == "SmolLM2-135M-Instruct:Q3_K_M"
    assert seconds < 180
