from __future__ import annotations

import json
from pathlib import Path

import pytest

from garden.services.other_programs.places import (
    Surroundings,
    jan_data_folders,
    lm_studio_stores,
    older_jan_stores,
    ollama_stores,
)


def around(home: Path, platform: str = "linux", **environment: str) -> Surroundings:
    return Surroundings(home=home, platform=platform, environment=environment)


def test_ollama_on_every_platform(tmp_path: Path) -> None:
    own, service = tmp_path / ".ollama" / "models", Path("/usr/share/ollama/.ollama/models")

    assert ollama_stores(around(tmp_path)) == (own, service)
    assert ollama_stores(around(tmp_path, "darwin")) == (own,)
    assert ollama_stores(around(tmp_path, "win32")) == (own,)
    assert ollama_stores(around(tmp_path, OLLAMA_MODELS=str(tmp_path / "disk")))[0] == tmp_path / "disk"
    assert ollama_stores(around(tmp_path, OLLAMA_MODELS="relative")) == (own, service)


def test_lm_studio_before_and_after_its_home_moved(tmp_path: Path) -> None:
    assert lm_studio_stores(around(tmp_path)) == (
        tmp_path / ".lmstudio" / "models",
        tmp_path / ".cache" / "lm-studio" / "models",
    )


def test_lm_studio_follows_its_pointer_and_its_settings(tmp_path: Path) -> None:
    home, chosen = tmp_path / "moved", tmp_path / "disk" / "models"
    home.mkdir()
    (tmp_path / ".lmstudio-home-pointer").write_text(f"{home}\n")
    (home / "settings.json").write_text(json.dumps({"downloadsFolder": str(chosen), "language": "en"}))

    assert lm_studio_stores(around(tmp_path))[:2] == (chosen, home / "models")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[" * 100_000,
        '{"downloadsFolder": 7}',
        '{"downloadsFolder": ""}',
        '{"downloadsFolder": "relative"}',
        '{"downloadsFolder": "/"}',
        '{"downloadsFolder": "/a/../../etc"}',
        '{"downloadsFolder": "/a\\u0000b"}',
        '{"downloadsFolder": "/' + "x" * 5_000 + '"}',
    ],
    ids=range(10),
)
def test_settings_that_say_nothing_change_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / ".lmstudio").mkdir()
    (tmp_path / ".lmstudio" / "settings.json").write_text(content)

    assert lm_studio_stores(around(tmp_path))[0] == tmp_path / ".lmstudio" / "models"


def test_jan_on_every_platform(tmp_path: Path) -> None:
    assert jan_data_folders(around(tmp_path)) == (
        tmp_path / ".local" / "share" / "Jan" / "data",
        tmp_path / ".config" / "Jan" / "data",
    )
    assert jan_data_folders(around(tmp_path, "darwin")) == (
        tmp_path / "Library" / "Application Support" / "Jan" / "data",
    )
    assert jan_data_folders(around(tmp_path, "win32", APPDATA=str(tmp_path / "Roaming"))) == (
        tmp_path / "Roaming" / "Jan" / "data",
    )
    assert older_jan_stores(around(tmp_path)) == (tmp_path / "jan" / "models",)


def test_jan_follows_its_settings_and_its_variable(tmp_path: Path) -> None:
    settings = tmp_path / ".local" / "share" / "Jan" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"data_folder": str(tmp_path / "disk")}))

    assert jan_data_folders(around(tmp_path))[0] == tmp_path / "disk"
    assert jan_data_folders(around(tmp_path, JAN_DATA_FOLDER=str(tmp_path / "named")))[0] == tmp_path / "named"


def test_tests_see_no_store_of_this_machine(data_dirs: Path) -> None:
    here = Surroundings.here()

    assert here.home == data_dirs / "home"
    for store in (*ollama_stores(here), *lm_studio_stores(here), *jan_data_folders(here), *older_jan_stores(here)):
        assert store.is_relative_to(data_dirs)
