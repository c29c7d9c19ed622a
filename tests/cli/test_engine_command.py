"""``garden engine``: what it lists, adds and removes, and how it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from garden.core.added_backend import backends_dir
from tests.backend_files import compiled
from tests.cli.conftest import Cli


@pytest.mark.engine
def test_the_engine_as_json(cli: Cli) -> None:
    engine = cli("engine", "--json").json

    assert set(engine) == {"version", "ggml_version", "backends"}
    assert set(engine["backends"][0]) == {"name", "path", "devices", "self_test"}
    assert Path(engine["backends"][0]["path"]).exists()


def test_an_engine_that_is_not_installed_is_a_sentence_and_the_command_that_helps(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # The children look for llama_cpp here first.
    (tmp_path / "llama_cpp.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'llama_cpp'\", name='llama_cpp')"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    ran = cli("engine")

    assert ran.code == 1
    assert "bootstrap.py" in ran.err
    assert cli("hardware", "--json").json["engine"]["installed"] is False


@pytest.mark.engine
def test_list_says_what_the_bare_command_says(cli: Cli) -> None:
    listed, bare = cli("engine", "list"), cli("engine")

    assert listed.out == bare.out
    assert listed.out.splitlines()[0].startswith("llama-cpp-python 0.")
    assert "  CPU: CPU" in listed.out.splitlines()


def test_help_names_the_commands(cli: Cli) -> None:
    text = cli("engine", "--help").out

    assert all(f"  {name} " in text for name in ("add", "list", "remove"))
    assert "vulkan" in cli("engine", "add", "--help").out


@pytest.mark.engine
def test_a_backend_from_add_to_remove(cli: Cli, vulkan_archive: Path, software_gpu: None) -> None:
    added = cli("engine", "add", str(vulkan_archive), "--json")
    hardware = cli("hardware", "--json").json
    listed = cli("engine").out
    removed = cli("engine", "remove", "vulkan", "--json")

    assert (added.code, removed.code) == (0, 0)
    assert set(added.json) == {"version", "ggml_version", "backends"}
    (vulkan,) = [backend for backend in added.json["backends"] if backend["name"] == "Vulkan"]
    assert set(vulkan) == {"name", "path", "devices", "self_test"}
    assert vulkan["devices"] == ["Vulkan0"]
    assert vulkan["path"] == str(backends_dir() / "vulkan" / "libggml-vulkan.so")
    assert (vulkan["self_test"]["passed"], vulkan["self_test"]["tokens"]) == (True, 16)
    assert vulkan["self_test"]["problem"] is None
    assert hardware["engine"]["devices"] == ["CPU", "Vulkan0"]
    assert [gpu["memory_total_bytes"] for gpu in hardware["gpus"]] == [2 * 1024**3]
    assert "  Vulkan, added: Vulkan0" in listed.splitlines()
    assert [backend["name"] for backend in removed.json["backends"]] == ["CPU"]


@pytest.mark.engine
def test_what_was_added_is_told_to_people(cli: Cli, vulkan_archive: Path, software_gpu: None) -> None:
    ran = cli("engine", "add", str(vulkan_archive))

    assert ran.code == 0
    assert ran.out.startswith("Vulkan is switched on: Vulkan0.")
    assert "16 tokens" in ran.out
    assert "garden engine remove vulkan" in ran.out
    assert cli("engine", "remove", "vulkan").out.startswith("Removed vulkan.")


@pytest.mark.engine
def test_a_backend_that_crashes_is_one_sentence_and_exit_1(cli: Cli, tmp_path: Path) -> None:
    ran = cli("engine", "add", str(compiled(tmp_path, "crashes")))

    assert (ran.code, ran.out) == (1, "")
    assert "stays off: its trial ended in a crash." in ran.err
    assert "Nothing was changed." in ran.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("add", "direct3d"), 1, "There is no prebuilt backend “direct3d”"),
        (("add", "nothing/libggml-vulkan.so"), 1, "There is no file"),
        (("add",), 2, "Missing argument"),
        (("remove",), 2, "Missing argument"),
        (("remove", "vulkan"), 1, "No backend “vulkan” was added"),
        (("start",), 2, "No such command"),
    ],
)
def test_wrong_words(cli: Cli, arguments: tuple[str, ...], code: int, said: str) -> None:
    ran = cli("engine", *arguments)

    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


def test_offline_fetches_nothing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    ran = cli("engine", "add", "vulkan")

    assert ran.code == 1
    assert ran.err.strip()
