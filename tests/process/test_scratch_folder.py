from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from garden.core.paths import cache_dir
from garden.process.scratch_folder import scratch_folder, sweep_scratch_folders

_KILLED = """
import os, signal
from pathlib import Path
from garden.process.scratch_folder import scratch_folder

folder = scratch_folder("twin")
Path(folder.name, "deep").mkdir()
Path(folder.name, "deep", "model.gguf").write_bytes(b"x" * 1000)
print(folder.name, flush=True)
os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
"""


def _of_a_killed_process() -> Path:
    done = subprocess.run([sys.executable, "-c", _KILLED], capture_output=True, text=True, timeout=60, check=False)
    return Path(done.stdout.strip())


def test_it_is_gone_after_its_block() -> None:
    with scratch_folder("twin") as folder:
        Path(folder, "model.gguf").write_bytes(b"x")

    assert not Path(folder).exists()


def test_what_a_killed_process_left_is_swept_and_what_is_in_use_stays() -> None:
    left = _of_a_killed_process()
    assert (left / "deep" / "model.gguf").exists()

    with scratch_folder("twin") as folder:
        assert sweep_scratch_folders() == 1
        assert Path(folder).exists()
        assert not left.exists()
        assert sweep_scratch_folders() == 0


def test_what_it_did_not_make_stays(tmp_path: Path) -> None:
    with scratch_folder("twin") as folder:
        root = Path(folder).parent
    mine = root / "notes"
    mine.mkdir()
    (tmp_path / "away").mkdir()
    (root / "twin-1-1-link").symlink_to(tmp_path / "away", target_is_directory=True)

    assert sweep_scratch_folders() == 0
    assert mine.exists() and (tmp_path / "away").exists()


def test_without_a_folder_there_is_nothing_to_sweep() -> None:
    assert not (cache_dir() / "scratch").exists()
    assert sweep_scratch_folders() == 0
