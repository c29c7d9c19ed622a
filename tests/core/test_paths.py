"""Folders: the user's wishes count, and what is missing is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from garden.core.errors import NotFoundError, StateError
from garden.core.paths import cache_dir, data_dir, log_dir, resource_path


def test_the_environment_names_the_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GARDEN_DATA_DIR", str(tmp_path / "ü d"))
    monkeypatch.setenv("GARDEN_CACHE_DIR", str(tmp_path / "c"))

    assert (data_dir(), cache_dir(), log_dir()) == (tmp_path / "ü d", tmp_path / "c", tmp_path / "ü d" / "logs")
    assert log_dir().is_dir()


def test_a_missing_resource_is_a_sentence() -> None:
    with pytest.raises(NotFoundError, match=r"A part of Garden is missing: icons/none\.svg\."):
        resource_path("icons/none.svg")


def test_a_folder_that_cannot_be_made_is_named_with_what_sets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("GARDEN_DATA_DIR", str(blocked))

    with pytest.raises(StateError, match=r"The data folder .*file cannot be made") as caught:
        data_dir()

    assert "GARDEN_DATA_DIR" in caught.value.action
