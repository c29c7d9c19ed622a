"""The doctor tells all it can find, whatever is wrong with the folders Garden lives in."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from garden.services import doctor
from garden.services.doctor import Check, check_up
from garden.services.garden import Garden


def _found(checks: tuple[Check, ...]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def _not_to_be_opened() -> Garden:
    raise AssertionError("opened although its folder cannot be used")


def test_a_file_in_the_place_of_the_data_folder(data_dirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = data_dirs.parent / "in-its-place"
    place.write_text("")
    monkeypatch.setenv("GARDEN_DATA_DIR", str(place))

    found = _found(check_up(_not_to_be_opened))

    assert not found["Data folder"].ok
    assert str(place) in found["Data folder"].detail
    assert "GARDEN_DATA_DIR" in found["Data folder"].action
    assert found["Databases"].detail == "They were not opened: the data folder cannot be used."
    assert found["Databases"].action == found["Data folder"].action
    assert {"Python", "Cache folder", "Downloads folder", "Memory", "Engine", "Window"} <= set(found)
    assert place.read_text() == ""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_data_folder_that_is_not_writable(data_dirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = data_dirs.parent / "not-writable"
    folder.mkdir(mode=0o555)
    monkeypatch.setenv("GARDEN_DATA_DIR", str(folder))

    found = _found(check_up(_not_to_be_opened))

    assert not found["Data folder"].ok
    assert found["Data folder"].action
    assert not found["Databases"].ok


def test_a_cache_folder_that_cannot_be_made(data_dirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = data_dirs.parent / "in-its-place"
    place.write_text("")
    monkeypatch.setenv("GARDEN_CACHE_DIR", str(place / "cache"))

    found = _found(check_up(_not_to_be_opened))

    assert not found["Cache folder"].ok
    assert found["Databases"].detail == "They were not opened: the cache folder cannot be used."


def test_a_damaged_database_is_told_once_with_what_was_saved(data_dirs: Path) -> None:
    Garden.open().close()
    database = Path(os.environ["GARDEN_DATA_DIR"]) / "work.sqlite"
    database.write_bytes(b"not a database" * 1000)

    damaged = _found(check_up(Garden.open))["Databases"]

    assert not damaged.ok
    assert damaged.detail.startswith("Garden's database was damaged;")
    assert _found(check_up(Garden.open))["Databases"].ok


def test_a_folder_in_the_place_of_the_database(data_dirs: Path) -> None:
    (Path(os.environ["GARDEN_DATA_DIR"]) / "work.sqlite").mkdir(parents=True)

    found = _found(check_up(Garden.open))

    assert not found["Databases"].ok
    assert found["Databases"].action
    assert {"Memory", "Engine", "Window"} <= set(found)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_is_full_for_the_database(data_dirs: Path) -> None:
    folder = Path(os.environ["GARDEN_DATA_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "work.sqlite").symlink_to("/dev/full")

    found = _found(check_up(Garden.open))

    assert (found["Databases"].ok, found["Databases"].action) == (False, "Free some space, then try again.")
    assert {"Memory", "Engine", "Window"} <= set(found)


@pytest.fixture
def started_by_qt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose ``code.py`` the process that loads Qt runs first."""
    if importlib.util.find_spec("PySide6") is None:
        pytest.skip("PySide6 is not installed")
    start = "import sys\nif any('PySide6' in part for part in sys.orig_argv): import code_of_the_test\n"
    folder = tmp_path / "first"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(start)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder / "code_of_the_test.py"


def test_the_process_that_loads_qt_sees_no_token(started_by_qt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = started_by_qt.with_name("seen")
    started_by_qt.write_text(f"import os, pathlib; pathlib.Path({str(seen)!r}).write_text(str(os.environ))")
    monkeypatch.setenv("HF_TOKEN", "hf_canary")

    doctor._window()

    assert "hf_canary" not in seen.read_text()


def test_a_qt_that_never_finishes_loading_is_a_finding(started_by_qt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started_by_qt.write_text("import threading; threading.Event().wait(60)")
    monkeypatch.setattr(doctor, "_WINDOW_SECONDS", 1.0)

    found = doctor._looked_at_window()

    assert [(check.name, check.ok) for check in found] == [("Window", False)]
    assert "had not ended after 1 s" in found[0].detail


#: Begins to make a file and is killed.
_BEGIN = """
import os, signal, sys
from pathlib import Path
from garden.quantization.part_file import PartFile
part = PartFile(Path(sys.argv[1]))
part.claim()
part.path.write_bytes(b"half a model")
os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
"""


def test_what_a_killed_quantization_left_is_cleared_away_and_told(data_dirs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    subprocess.run([sys.executable, "-c", _BEGIN, str(folder / "Model-Q4_0.gguf")], check=False)
    assert list(folder.iterdir())

    found = _found(check_up(lambda: Garden.open(work_offline=True)))["Leftovers"]

    assert found.ok
    assert found.detail == f"An unfinished model of quantizations that were killed: removed from {folder}."
    assert list(folder.iterdir()) == []
