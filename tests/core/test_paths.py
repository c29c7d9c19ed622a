"""Folders: the user's wishes count, and what is missing is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from garden.core.errors import NotFoundError, StateError
from garden.core.paths import cache_dir, data_dir, hub_cache_dir, log_dir, resource_path, user_path


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

    with pytest.raises(StateError, match=r"The data folder .*file could not be written") as caught:
        data_dir()

    assert "GARDEN_DATA_DIR" in caught.value.action


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HF_HUB_CACHE": "/c"}, "/c"),
        ({"HF_HOME": "/h"}, "/h/hub"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/huggingface/hub"),
        ({"HUGGINGFACE_HUB_CACHE": "/old"}, "/old"),
        ({"HOME": "/home/ada"}, "/home/ada/.cache/huggingface/hub"),
    ],
)
def test_the_cache_is_where_the_environment_says(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert hub_cache_dir() == Path(expected)


def test_a_path_of_the_user_has_no_steps_up_and_keeps_its_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("a", "b/c"):
        (tmp_path / folder).mkdir(parents=True)
    blob = tmp_path / "blob"
    blob.write_bytes(b"x")
    (tmp_path / "a" / "model.gguf").symlink_to(blob)
    (tmp_path / "link").symlink_to(tmp_path / "b" / "c")
    monkeypatch.chdir(tmp_path / "a")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert user_path("../a/model.gguf") == tmp_path / "a" / "model.gguf"
    assert user_path("..") == tmp_path
    assert user_path("model.gguf") == tmp_path / "a" / "model.gguf"
    assert user_path("../link/../x.gguf") == tmp_path / "b" / "x.gguf"
    assert user_path("../link/..") == tmp_path / "b"
    assert user_path("../gone/../y.gguf") == tmp_path / "y.gguf"
    assert user_path("~nobody-of-that-name/x").name == "x"
