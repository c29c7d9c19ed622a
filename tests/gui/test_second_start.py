"""Two starts are two real processes: the second raises the first one's window."""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.paths import data_dir
from garden.gui.window_address import may_be_open, window_address

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="local sockets and signals of POSIX")

#: The program itself; it tells when its window is raised, and when others can reach it.
_WINDOW = """
import sys
from garden.gui import application, second_start
from garden.gui.main_window import MainWindow

raised, hear = MainWindow.raise_, application._hear_second_starts

def tell_raised(window):
    raised(window)
    print("raised", window.isMinimized(), window.isVisible(), flush=True)

def tell_hearing(*arguments):
    hear(*arguments)
    if "minimized" in sys.argv:
        arguments[1].showMinimized()
    print("hearing", flush=True)

MainWindow.raise_, application._hear_second_starts = tell_raised, tell_hearing
sys.exit(application.open_window())
"""

_SECOND = "import sys; from garden.__main__ import main; sys.exit(main([]))"


class Started:
    """A running window."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _WINDOW, *arguments], stdout=subprocess.PIPE, text=True, env=_environment()
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.strip())

    def says(self) -> str:
        return self._lines.get(timeout=60)

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        code = self.process.wait(30)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def _environment() -> dict[str, str]:
    return os.environ | {"QT_QPA_PLATFORM": "offscreen"}


@pytest.fixture
def windows() -> Iterator[list[Started]]:
    started: list[Started] = []
    yield started
    for window in started:
        if window.process.poll() is None:
            window.end(signal.SIGKILL)


@pytest.fixture(autouse=True)
def temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The socket lies where no other window of this machine looks."""
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)


def _second() -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _SECOND],
        capture_output=True,
        text=True,
        timeout=60,
        env=_environment(),
        check=False,
    )


def test_a_second_start_raises_the_first_ones_window(windows: list[Started]) -> None:
    windows.append(Started("minimized"))
    assert windows[0].says() == "hearing"

    for _ in range(2):
        second = _second()

        assert (second.returncode, second.stdout) == (0, "Garden is already open; its window was raised.\n")
        assert windows[0].says() == "raised False True"
    assert windows[0].end(signal.SIGINT) == 0
    assert not Path(window_address()).exists()


def test_two_starts_at_one_moment_open_one_window(windows: list[Started]) -> None:
    windows += [Started(), Started()]

    said = sorted(window.says() for window in windows)

    assert said == ["Garden is already open; its window was raised.", "hearing"]


def test_a_lock_that_a_power_cut_left_empty_holds_nothing_up(windows: list[Started]) -> None:
    lock = data_dir() / "window.lock"
    lock.touch()
    os.utime(lock, (1_000_000_000, 1_000_000_000))

    windows += [Started(), Started()]

    said = sorted(window.says() for window in windows)
    assert said == ["Garden is already open; its window was raised.", "hearing"]


def test_a_window_that_was_killed_is_in_nobodys_way(windows: list[Started]) -> None:
    windows.append(Started())
    assert windows[0].says() == "hearing"
    windows[0].end(signal.SIGKILL)
    assert may_be_open(window_address())

    windows.append(Started())
    assert windows[1].says() == "hearing"

    assert _second().stdout == "Garden is already open; its window was raised.\n"
    assert windows[1].says() == "raised False True"


def test_a_window_that_hangs_is_in_nobodys_way(windows: list[Started]) -> None:
    address = window_address()
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(address)
        hanging.listen()
        windows.append(Started())

        assert windows[0].says() == "hearing"


def test_another_data_folder_is_another_garden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = window_address()
    monkeypatch.setenv("GARDEN_DATA_DIR", str(tmp_path / "elsewhere"))

    assert window_address() != address
    assert not may_be_open(address)
