from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli


def test_the_formats_are_listed(cli: Cli) -> None:
    names = [known["name"] for known in cli("export", "--list", "--json").json]

    assert names == ["ollama", "llama-server", "llama-cpp-python"]
    assert [line.split()[0] for line in cli("export", "--list").out.splitlines()] == names


@pytest.mark.parametrize("name", ["ollama", "llama-server", "llama-cpp-python"])
def test_every_format_is_written(cli: Cli, tiny_model: Path, tmp_path: Path, name: str) -> None:
    ran = cli("export", str(tiny_model), "--format", name, "-o", str(tmp_path / "out"), "--json")

    assert set(ran.json) == {"files", "verified", "detail"}
    assert ran.json["verified"] is None
    assert all(Path(path).read_text() for path in ran.json["files"])


@pytest.mark.engine
def test_a_verified_export_says_so_and_keeps_the_users_own_sampling(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    ran = cli("export", str(tiny_model), "--format", "llama-cpp-python", "-o", str(tmp_path), "--verify", "--json")

    assert ran.json["verified"] is True
    assert "are the pane's" in ran.json["detail"]
    assert "'temperature': 0.8" in (tmp_path / "answer.py").read_text()
    assert ran.code == 0


def test_files_of_the_same_name_stay_unless_forced(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "Modelfile").write_text("mine")
    arguments = ("export", str(tiny_model), "--format", "ollama", "-o", str(tmp_path))

    refused = cli(*arguments)

    assert (refused.code, refused.out) == (1, "")
    assert (tmp_path / "Modelfile").read_text() == "mine"
    assert cli(*arguments, "--force").code == 0
    assert (tmp_path / "Modelfile").read_text() != "mine"


def test_what_is_missing_is_wrong_usage(cli: Cli, tiny_model: Path) -> None:
    assert cli("export", str(tiny_model)).code == 2
    assert cli("export", str(tiny_model), "--format", "nonsense", "-o", "x").code == 2


def test_what_is_no_model_is_one_sentence(cli: Cli, tmp_path: Path) -> None:
    note = tmp_path / "note.gguf"
    note.write_text("This is a note.")

    ran = cli("export", str(note), "--format", "ollama", "-o", str(tmp_path / "out"))

    assert ran.code == 1
    assert not (tmp_path / "out").exists()
