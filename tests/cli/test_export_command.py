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
    assert "tokens agree." in ran.json["detail"]
    assert "'temperature': 0.8" in (tmp_path / "answer.py").read_text()
    assert ran.code == 0


def test_files_of_the_same_name_stay_unless_forced(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "Modelfile").write_text("mine")
    arguments = ("export", str(tiny_model), "--format", "ollama", "-o", str(tmp_path))

    refused = cli(*arguments)

    assert (refused.code, refused.out) == (1, "")
    assert "Modelfile" in refused.err and "--force" in refused.err
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


@pytest.mark.parametrize(
    ("name", "file", "word"),
    [
        ("ollama", "Modelfile", "seed"),
        ("llama-server", "llama-server.sh", "-s "),
        ("llama-cpp-python", "answer.py", ""),
    ],
)
def test_a_seed_goes_along_only_when_it_was_chosen(
    cli: Cli, tiny_model: Path, tmp_path: Path, name: str, file: str, word: str
) -> None:
    def exported(folder: str, *options: str) -> tuple[str, str]:
        arguments = ("export", str(tiny_model), "--format", name, "-o", str(tmp_path / folder), *options)
        return cli(*arguments).out, (tmp_path / folder / file).read_text()

    told, text = exported("drawn")
    assert "No seed goes along: each answer is drawn anew." in told
    assert exported("again")[1] == text
    if name == "llama-cpp-python":
        assert "'seed': None" in text
    else:
        assert f"{word}" not in "".join(line for line in text.splitlines(True) if not line.startswith("#"))

    told, text = exported("chosen", "--seed", "4711")
    assert "4711" in text
    assert "No seed" not in told
    assert "No seed" not in exported("greedy", "--temperature", "0")[0]


def test_what_is_chosen_is_what_is_taken_away(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    options = ("--system", "Be brief.", "--seed", "5", "--temperature", "0.25", "--max-tokens", "33")

    cli("export", str(tiny_model), "--format", "ollama", "-o", str(tmp_path), "--context", "1024", *options)

    modelfile = (tmp_path / "Modelfile").read_text()
    for line in ("num_ctx 1024", "num_predict 33", "temperature 0.25", "seed 5"):
        assert f"PARAMETER {line}\n" in modelfile
    assert "SYSTEM" in modelfile
    assert "Be brief." in modelfile


def test_a_context_beyond_what_the_model_learnt_is_said(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    ran = cli("export", str(tiny_model), "--format", "ollama", "-o", str(tmp_path), "--context", "4096")

    assert "The model was trained for 2,048 tokens" in ran.out


@pytest.mark.engine
def test_a_verified_export_with_choices_of_its_own(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    options = ("--verify", "--context", "16", "--system", "Be brief.", "--temperature", "0.5")

    ran = cli("export", str(tiny_model), "--format", "llama-cpp-python", "-o", str(tmp_path), *options)

    assert ran.code == 0
    script = (tmp_path / "answer.py").read_text()
    assert "'temperature': 0.5" in script
    assert "'context_length': 256" in script
    assert "A context of 16 tokens becomes 256: the engine takes it in steps of 256." in ran.out


@pytest.mark.starter
def test_a_system_message_of_the_template_goes_along_without_an_answer_too(
    cli: Cli, starter_path: Path, tmp_path: Path
) -> None:
    ran = cli("export", str(starter_path), "--format", "ollama", "-o", str(tmp_path))

    assert 'SYSTEM """You are a helpful AI assistant named SmolLM' in (tmp_path / "Modelfile").read_text()
    assert "SYSTEM is the system message that the file's template puts in by itself." in ran.out
    cli("export", str(starter_path), "--format", "ollama", "-o", str(tmp_path), "--force", "--system", "Mine.")
    assert "SmolLM, trained" not in (tmp_path / "Modelfile").read_text()
