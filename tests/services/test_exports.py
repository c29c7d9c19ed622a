from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from garden.core.conversation import Answer, FinishReason, GenerationMetrics
from garden.core.errors import CancelledByUser, GardenError, NotFoundError, RefusedError
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import RunConfiguration
from garden.services import exports
from garden.services.exports import Replayed, compare_tokens, run_script
from garden.services.garden import Garden


def configuration() -> RunConfiguration:
    return RunConfiguration(model=ModelRef(name="Tiny", filenames=("Tiny.gguf",), path="/models/Tiny.gguf"))


def said(*token_ids: int, finish_reason: FinishReason = FinishReason.STOP) -> Answer:
    return Answer(
        pane="A",
        configuration=configuration(),
        text="…",
        token_ids=token_ids,
        finish_reason=finish_reason,
        rendered_prompt="Why?",
    )


def asked(garden: Garden, path: Path, *, temperature: float = 0.0, max_tokens: int = 24) -> Answer:
    made = garden.compare.configuration_for(garden.library.describe(path))
    sampling = dataclasses.replace(made.ask.sampling, temperature=temperature)
    chat = garden.compare.new([made.with_ask(sampling=sampling, max_tokens=max_tokens, seed=11)])
    return garden.compare.ask(chat.id, "Why is the sky blue? <|im_end|>").result(60).answers[0]


# --- verdicts ---


def test_the_same_tokens_reproduce() -> None:
    record = compare_tokens(configuration(), said(1, 2, 3), Replayed(token_ids=(1, 2, 3), margins=(1, 1, 1)))

    assert (record.verdict, record.at_token, record.detail) == ("reproduces", None, "All 3 tokens agree.")


def test_parting_where_two_tokens_were_almost_equal_is_a_near_tie() -> None:
    record = compare_tokens(configuration(), said(1, 2, 3), Replayed(token_ids=(1, 9, 9), margins=(5, 0.04, 3)))

    assert (record.verdict, record.at_token) == ("near-tie", 1)
    assert record.detail == "1 of 3 tokens agree; parts at a near tie of 0.04 logits."


def test_a_parting_after_a_cached_prefix_says_so() -> None:
    second = dataclasses.replace(said(1, 2, 3), metrics=GenerationMetrics(reused_tokens=1_234))

    record = compare_tokens(configuration(), second, Replayed(token_ids=(1, 9, 9), margins=(5, 0.1, 3)))

    assert record.detail == (
        "1 of 3 tokens agree; parts at a near tie of 0.10 logits. "
        "The pane had 1,234 tokens of its prompt still in its cache."
    )


def test_parting_where_one_token_was_clearly_best_differs() -> None:
    record = compare_tokens(configuration(), said(1, 2, 3), Replayed(token_ids=(1, 9, 9), margins=(5, 2.5, 3)))

    assert (record.verdict, record.at_token) == ("differs", 1)


@pytest.mark.parametrize("theirs", [(1, 2), (1, 2, 3, 4)])
def test_an_answer_of_another_length_differs(theirs: tuple[int, ...]) -> None:
    replayed = Replayed(token_ids=theirs, margins=(9.0,) * len(theirs))

    assert compare_tokens(configuration(), said(1, 2, 3), replayed).verdict == "differs"


def test_of_a_stopped_answer_only_what_was_written_counts() -> None:
    replayed = Replayed(token_ids=(1, 2, 3, 4, 5))

    assert (
        compare_tokens(configuration(), said(1, 2, finish_reason=FinishReason.CANCELLED), replayed).verdict
        == "reproduces"
    )


# --- rendering and writing ---


def test_every_format_renders_a_configuration_that_never_ran(garden: Garden) -> None:
    for known in garden.exports.formats:
        assert garden.exports.render(known.name, configuration()).files


def test_an_unknown_format_names_those_there_are(garden: Garden) -> None:
    with pytest.raises(NotFoundError) as caught:
        garden.exports.render("nonsense", configuration())

    assert "ollama" in caught.value.action


def test_files_of_the_same_name_stay_unless_replaced(garden: Garden, tmp_path: Path) -> None:
    export = garden.exports.render("ollama", configuration())
    (path,) = garden.exports.write(export, tmp_path / "out")
    path.write_text("mine")

    with pytest.raises(RefusedError):
        garden.exports.write(export, tmp_path / "out")
    assert path.read_text() == "mine"

    garden.exports.write(export, tmp_path / "out", replace=True)
    assert path.read_text() != "mine"


def test_a_folder_that_cannot_be_made_is_one_sentence(garden: Garden, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(GardenError):
        garden.exports.write(garden.exports.render("ollama", configuration()), tmp_path / "file" / "out")


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_scripts_can_be_run(garden: Garden, tmp_path: Path) -> None:
    paths = garden.exports.write(garden.exports.render("llama-server", configuration()), tmp_path)

    assert {path.name: os.access(path, os.X_OK) for path in paths} == {
        "llama-server.sh": True,
        "llama-server.ps1": False,
    }


# --- replaying ---


@pytest.mark.engine
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_the_exported_script_gives_the_answer_of_the_pane(garden: Garden, tiny_model: Path, temperature: float) -> None:
    answer = asked(garden, tiny_model, temperature=temperature)

    record = garden.exports.replay(answer.configuration, answer).result(60)

    assert record.verdict == "reproduces", record.detail
    assert record.engine_version
    assert garden.exports._replays.latest(answer.configuration.identity, "llama-cpp-python") == record


@pytest.mark.engine
def test_a_replay_of_other_weights_is_found_out(garden: Garden, tiny_model: Path, other_tiny_model: Path) -> None:
    answer = asked(garden, tiny_model)
    forged = dataclasses.replace(answer, token_ids=(answer.token_ids[0], *reversed(answer.token_ids[1:])))

    assert garden.exports.replay(answer.configuration, forged).result(60).verdict != "reproduces"


@pytest.mark.engine
def test_a_script_without_its_model_says_so(garden: Garden, tiny_model: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.gguf"
    moved.write_bytes(tiny_model.read_bytes())
    answer = asked(garden, moved)
    gone = dataclasses.replace(answer.configuration.model, path=str(tiny_model.parent / "gone.gguf"))
    moved.unlink()

    with pytest.raises(GardenError):
        garden.exports.replay(dataclasses.replace(answer.configuration, model=gone), answer).result(60)


def test_without_an_answer_there_is_nothing_to_replay(garden: Garden) -> None:
    with pytest.raises(RefusedError):
        garden.exports.replay(configuration(), said())


def test_replays_hold_up_nothing_else(garden: Garden, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Semaphore(0)

    def long(_script: Path, cancelled: threading.Event) -> Replayed:
        begun.release()
        cancelled.wait(60)
        raise CancelledByUser

    monkeypatch.setattr(exports, "run_script", long)
    run = garden.compare.configuration_for(garden.library.describe(tiny_model))
    replays = [garden.exports.replay(run, said(1, 2)) for _ in range(6)]
    assert begun.acquire(timeout=20)

    assert garden.library.scan().result(10) == ()
    for replay in replays:
        replay.cancel()
    for replay in replays:
        with pytest.raises(CancelledByUser):
            replay.result(10)


@pytest.mark.engine
def test_a_script_runs_by_itself_where_garden_is_not_installed(
    garden: Garden, tiny_model: Path, tmp_path: Path
) -> None:
    answer = asked(garden, tiny_model)
    export = garden.exports.render("llama-cpp-python", answer.configuration, answer)
    (script,) = garden.exports.write(export, tmp_path)
    hide = "import sys, runpy; sys.modules['garden'] = None; sys.argv = sys.argv[1:]; "
    hide += "runpy.run_path(sys.argv[0], run_name='__main__')"

    done = subprocess.run(
        [sys.executable, "-I", "-c", hide, str(script), "--tokens"], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == str(list(answer.token_ids))


def test_a_script_that_needs_garden_is_found_out(tmp_path: Path) -> None:
    script = tmp_path / "answer.py"
    script.write_text("import garden\nprint('{\"token_ids\": [1]}')\n")

    with pytest.raises(GardenError) as caught:
        run_script(script, threading.Event())

    assert "garden" in caught.value.sentence
