from __future__ import annotations

import subprocess
import sys

import pytest

import garden
from garden.cli.program import COMMANDS, run, say_error
from garden.core.errors import CancelledByUser, GardenError
from garden.core.paths import log_dir
from tests.cli.conftest import Cli

#: In the order of a model's way: found, fetched, tried, taken elsewhere.
EXPECTED = [
    "tour", "hardware", "search", "files", "card", "lineage", "trust", "fit", "download", "queue", "library",
    "quantize", "quality", "compare", "export", "hub", "engine", "doctor",
]  # fmt: skip
LATER = ("convert", "endpoint", "import", "serve")


def test_help_names_every_command_and_none_that_comes_later(cli: Cli) -> None:
    ran = cli("--help")

    listed = [line.split()[0] for line in ran.out.splitlines() if line.startswith("  ") and line.strip()]
    assert [name for name in listed if name in COMMANDS] == EXPECTED
    assert not set(listed) & set(LATER)
    assert ran.code == 0


@pytest.mark.parametrize("name", EXPECTED)
def test_every_command_has_help(cli: Cli, name: str) -> None:
    ran = cli(name, "--help")

    assert ran.code == 0
    assert ran.out.startswith(f"Usage: garden {name}")


@pytest.mark.parametrize(
    ("command", "absent"),
    [("quantize", "imatrix"), ("compare", "together")],
)
def test_help_leaves_out_what_comes_later(cli: Cli, command: str, absent: str) -> None:
    assert absent not in cli(command, "--help").out


def test_help_imports_nothing_heavy() -> None:
    """The way to 0.3 s, told without a clock."""
    code = (
        "import sys\nfrom garden.__main__ import main\nassert main(['--help']) == 0\n"
        "heavy = {'numpy', 'rich', 'PySide6', 'huggingface_hub', 'httpx2', 'psutil', 'sqlite3', 'msgspec', 'jinja2'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr.strip() == "[]"


def test_the_version(cli: Cli) -> None:
    assert cli("--version").out == f"garden, version {garden.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("fit",), ("--nonsense",), ("fit", "x", "--context", "0"), ("files", "not a repository")],
)
def test_wrong_usage_is_exit_code_2(cli: Cli, arguments: tuple[str, ...]) -> None:
    ran = cli(*arguments)

    assert ran.code == 2
    assert ran.out == ""
    assert "Error: " in ran.err


def test_a_misspelt_command_is_answered_with_the_right_one(cli: Cli) -> None:
    assert "Did you mean quantize?" in cli("quantise").err


def test_without_a_command_the_window_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")

    assert run([], open_window=lambda: 7, render_pages=lambda _folder: []) == 7


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a display")
def test_without_a_display_the_tour_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(variable, raising=False)

    ran = cli()

    assert ran.code == 2
    assert "no display" in ran.err
    assert "garden tour" in ran.err


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (GardenError("It broke.", "Mend it."), 1, "It broke. Mend it.\n"),
        (CancelledByUser(), 130, "Cancelled.\n"),
        (KeyboardInterrupt(), 130, "Cancelled.\n"),
        (ModuleNotFoundError("No module named 'PySide6'", name="PySide6"), 1, "The window needs PySide6"),
        (ImportError("libEGL.so.1: cannot open shared object file", name="PySide6.QtGui"), 1, "libEGL.so.1"),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_its_exit_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int, said: str
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")

    def open_window() -> int:
        raise raised

    assert run([], open_window=open_window, render_pages=lambda _folder: []) == code
    assert said in capsys.readouterr().err


def test_a_fault_of_our_own_is_a_sentence_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")

    def open_window() -> int:
        raise RuntimeError("a bug")

    assert run([], open_window=open_window, render_pages=lambda _folder: []) == 1
    captured = capsys.readouterr()
    assert "Something unexpected went wrong: RuntimeError." in captured.err
    assert "Traceback" not in captured.err


def test_details_that_a_sentence_promises_are_where_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    say_error(GardenError("The worker died.", "Try again; the details help to report it.", "signal 11"))

    said = capsys.readouterr().err.splitlines()
    log = log_dir() / "command-line.log"
    assert said == ["The worker died. Try again; the details help to report it.", f"The details are in {log}."]
    assert "signal 11" in log.read_text()
