from __future__ import annotations

import json
from pathlib import Path

import pytest

from garden.core.errors import DiskFullError
from garden.process.process_identity import this_process
from garden.store import files_in_use
from garden.store.files_in_use import FilesInUse


def test_files_are_in_use_for_the_time_of_a_block(tmp_path: Path) -> None:
    files, others = FilesInUse(tmp_path / "notes"), FilesInUse(tmp_path / "notes")
    assert others.list() == ()

    with files.noted(("/models/a.gguf", "/models/adapter.gguf")), files.noted(("/models/b.gguf",)):
        assert set(others.list()) == {"/models/a.gguf", "/models/adapter.gguf", "/models/b.gguf"}

    assert others.list() == ()
    assert not list((tmp_path / "notes").iterdir())


def test_notes_of_ended_processes_and_damaged_ones_do_not_count(tmp_path: Path) -> None:
    ended = tmp_path / "ended.json"
    # The id is in use, by a process that began at another time.
    ended.write_text(json.dumps([this_process().pid, this_process().started_at - 1_000, ["/models/a.gguf"]]))
    (tmp_path / "damaged.json").write_text("[1,")

    assert FilesInUse(tmp_path).list() == ()
    assert not ended.exists()


def test_a_full_disk_keeps_nothing_from_being_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path, _content: bytes) -> None:
        raise DiskFullError("The disk is full.")

    monkeypatch.setattr(files_in_use, "write_atomically", full)
    ran = False

    with FilesInUse(tmp_path).noted(("/models/a.gguf",)):
        ran = True

    assert ran
