from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from garden.cli.answer_stream import AnswerStream
from garden.core.events import PaneChanged, PaneText
from garden.core.run_configuration import RunConfiguration
from tests.cli.conftest import Cli
from tests.services.conftest import endless_model
from tests.tiny_models import write_tiny_model

pytestmark = pytest.mark.engine

__all__ = ["endless_model"]

PANE_KEYS = {
    "model", "text", "finish_reason", "prompt_tokens", "completion_tokens", "time_to_first_token_ms",
    "prefill_tokens_per_second", "decode_tokens_per_second", "buffers_bytes", "peak_memory_bytes", "error",
    "run_configuration",
}  # fmt: skip


def test_panes_as_json_have_exactly_the_keys_of_the_contract(
    cli: Cli, tiny_model: Path, other_tiny_model: Path
) -> None:
    models = ("--model", str(tiny_model), "--model", str(other_tiny_model))

    ran = cli("compare", "Why?", *models, "--temperature", "0", "--max-tokens", "8", "--json")

    assert set(ran.json) == {"panes"}
    panes = ran.json["panes"]
    assert [set(pane) for pane in panes] == [PANE_KEYS] * 2
    assert [pane["model"] for pane in panes] == ["Tiny-Chat:F16", "Tiny-Other:F16"]
    assert all(pane["error"] is None and pane["buffers_bytes"] > 0 for pane in panes)
    assert ran.code == 0


def test_a_run_configuration_reads_back_and_holds_what_was_asked(cli: Cli, tiny_model: Path) -> None:
    ran = cli(
        "compare", "Why?", "--model", str(tiny_model), "--system", "Be brief.", "--seed", "5", "--temperature", "0.5",
        "--max-tokens", "3", "--context", "256", "--json",
    )  # fmt: skip

    configuration = RunConfiguration.from_document(ran.json["panes"][0]["run_configuration"])
    assert configuration.ask.system_prompt == "Be brief."
    assert (configuration.ask.seed, configuration.ask.max_tokens) == (5, 3)
    assert configuration.ask.sampling.temperature == 0.5
    assert configuration.load.context_length == 256


def test_the_same_seed_gives_the_same_answer(cli: Cli, tiny_model: Path) -> None:
    def answer(seed: str) -> str:
        arguments = ("--model", str(tiny_model), "--seed", seed, "--max-tokens", "24", "--json")
        text: str = cli("compare", "Why?", *arguments).json["panes"][0]["text"]
        return text

    assert answer("1") == answer("1") != answer("2")


def test_a_drawn_seed_is_told_and_is_the_same_for_all_panes(cli: Cli, tiny_model: Path, other_tiny_model: Path) -> None:
    models = ("--model", str(tiny_model), "--model", str(other_tiny_model), "--max-tokens", "2")

    panes = cli("compare", "Why?", *models, "--json").json["panes"]
    text = cli("compare", "Why?", *models).out

    assert len({pane["run_configuration"]["ask"]["seed"] for pane in panes}) == 1
    assert "Drawn with seed " in text
    assert "Drawn with seed " not in cli("compare", "Why?", *models, "--temperature", "0").out


@pytest.mark.parametrize("mode", ["fair", "relay"])
def test_both_modes_answer_in_every_pane(cli: Cli, tiny_model: Path, other_tiny_model: Path, mode: str) -> None:
    ran = cli(
        "compare", "Why?", "--model", str(tiny_model), "--model", str(other_tiny_model), "--max-tokens", "4",
        "--mode", mode,
    )  # fmt: skip

    assert ran.code == 0
    assert "── A  Tiny-Chat:F16" in ran.out
    assert "── B  Tiny-Other:F16" in ran.out


def test_a_pane_that_fails_does_not_keep_the_other_from_answering(
    cli: Cli, tiny_model: Path, other_tiny_model: Path
) -> None:
    models = ("--model", str(tiny_model), "--model", str(other_tiny_model))

    ran = cli("compare", "word " * 3_000, *models, "--context", "300", "--json")

    assert all("the prompt" in pane["error"].lower() for pane in ran.json["panes"])
    assert ran.code == 1
    assert ran.err


def test_what_cannot_be_asked_is_said(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    note = tmp_path / "note.gguf"
    note.write_text("This is a note.")

    assert cli("compare", "Why?").code == 2
    assert cli("compare", "Why?", *["--model", str(tiny_model)] * 5).code == 2
    assert cli("compare", "   ", "--model", str(tiny_model)).code == 1
    assert cli("compare", "Why?", "--model", str(note)).code == 1
    assert cli("compare", "Why?", "--model", "no-such-model").code == 1


def test_a_comparison_is_kept(cli: Cli, tiny_model: Path) -> None:
    from garden.services.garden import Garden

    cli("compare", "Why is it kept?", "--model", str(tiny_model), "--max-tokens", "4")

    with Garden.open() as garden:
        (summary,) = garden.compare.conversations()
    assert summary.title == "Why is it kept?"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_ends_the_models_too(start: Callable[..., subprocess.Popen[str]], endless_model: Path) -> None:
    process = start("compare", "Why?", "--model", str(endless_model), "--max-tokens", "2000")
    children: list[psutil.Process] = []
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not children:
        # A child that has just ended (the probe) has no command line any more.
        with contextlib.suppress(psutil.Error):
            found = psutil.Process(process.pid).children(recursive=True)
            children = [child for child in found if "generate" in child.cmdline()]

    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)

    assert (process.returncode, out) == (130, "")
    assert err.strip().endswith("Cancelled.")
    assert psutil.wait_procs(children, timeout=1)[1] == []


@pytest.mark.parametrize(
    ("asked", "note"),
    [
        ("16", "   A context of 16 tokens becomes 256: the engine takes it in steps of 256.\n"),
        ("256", ""),
        ("4096", "   The model was trained for 2,048 tokens: beyond them its answers fall apart.\n"),
    ],
)
def test_a_context_that_is_another_than_asked_for_is_said(cli: Cli, tiny_model: Path, asked: str, note: str) -> None:
    ran = cli("compare", "Why?", "--model", str(tiny_model), "--max-tokens", "3", "--context", asked)

    assert ran.code == 0
    assert [line + "\n" for line in ran.out.splitlines() if "tokens becomes" in line or "trained for" in line] == (
        [note] if note else []
    )


def test_the_seed_is_told(cli: Cli, tiny_model: Path) -> None:
    arguments = ("compare", "Why?", "--model", str(tiny_model), "--max-tokens", "3")

    assert cli(*arguments, "--seed", "4711").out.endswith("Drawn with seed 4711: --seed 4711 gives the same answers.\n")
    assert "Drawn with seed" in cli(*arguments).out
    assert "seed" not in cli(*arguments, "--temperature", "0").out


def test_of_several_models_the_one_at_fault_is_named(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "Broken.gguf"
    broken.write_text("This is a note, not a model, whatever it is called.")

    ran = cli("compare", "Why?", "--model", str(tiny_model), "--model", str(broken))

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("Broken.gguf: ")


@pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX")
def test_a_terminal_shows_the_answer_while_it_comes_and_keeps_it_when_stopped(endless_model: Path) -> None:
    terminal, inner = os.openpty()
    command = [sys.executable, "-m", "garden", "compare", "Why?", "--model", str(endless_model)]
    process = subprocess.Popen(
        [*command, "--max-tokens", "100000", "--context", "100000"],
        stdin=subprocess.DEVNULL,
        stdout=inner,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    os.close(inner)
    shown = b""
    try:
        # A heading, and text below it, while the model still writes.
        while len(shown.partition(b"\n")[2]) < 20:
            shown += os.read(terminal, 4096)
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        with contextlib.suppress(OSError):  # the terminal's other end is closed
            while piece := os.read(terminal, 4096):
                shown += piece
        assert process.stderr is not None
        err = process.stderr.read()
        assert process.wait(20) == 130
    finally:
        process.kill()
        process.communicate()
        os.close(terminal)

    assert shown.decode("utf-8", "replace").startswith("── A  ")
    assert "cancelled" in shown.decode("utf-8", "replace").splitlines()[-2]
    assert err.endswith("Stopped: the answers end where they were.\nCancelled.\n")


def test_a_pane_that_fails_beside_another_is_named_and_fails_the_command(
    cli: Cli, tiny_model: Path, other_tiny_model: Path, tmp_path: Path
) -> None:
    # Its template refuses every chat.
    refusing = write_tiny_model(tmp_path / "Refusing-F16.gguf", template="{{ raise_exception('never') }}")
    models = ("--model", str(refusing), "--model", str(tiny_model))

    ran = cli("compare", "Why?", *models, "--max-tokens", "4")

    assert ran.code == 1
    assert ran.err.startswith("Refusing:F16: The chat template of this model refuses the conversation: never.")
    assert "── B  Tiny-Chat:F16" in ran.out
    assert "Drawn with seed" in ran.out
    alone = cli("compare", "Why?", "--model", str(refusing))
    assert (alone.code, "Drawn with seed" in alone.out) == (1, False)


@pytest.mark.parametrize("how", ["argument", "standard input", "system prompt"])
def test_bytes_that_are_no_text_are_refused_in_a_sentence(
    cli: Cli, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    bad = b"caf\xe9 \xff"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(bad), encoding="utf-8"))
    hidden = bad.decode("utf-8", "surrogateescape")
    arguments = {"argument": (hidden,), "standard input": ("-",), "system prompt": ("Why?", "--system", hidden)}[how]

    ran = cli("compare", *arguments, "--model", str(tiny_model))

    what = "The system prompt" if how == "system prompt" else "The prompt"
    assert (ran.code, ran.out, ran.err) == (1, "", f"{what} is not UTF-8 text. Write it as UTF-8.\n")


def test_a_temperature_that_is_no_number_is_refused_as_export_does(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    asked = cli("compare", "Why?", "--model", str(tiny_model), "--temperature", "nan")
    exported = cli("export", str(tiny_model), "--format", "ollama", "-o", str(tmp_path), "--temperature", "nan")

    assert (asked.code, asked.err) == (exported.code, exported.err)
    assert asked.err.startswith("temperature is not a finite number.")


def test_texts_of_panes_stand_under_their_letters_without_control_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def text(pane: str, piece: str) -> PaneText:
        return PaneText(conversation_id="c", turn=0, pane=pane, text=piece, tokens=1)

    stream = AnswerStream(["One", "Two"], text=True, progress=False)
    for event in (text("B", " Hel"), text("B", "lo\x1b[2J"), text("A", "Hi")):
        stream.show(event)
    stream.show(PaneChanged(conversation_id="c", turn=0, pane="A", state="done"))

    assert capsys.readouterr().out == "── B  Two\nHello[2J\n── A  One\nHi\n"
    assert stream.streamed == {"A", "B"}
