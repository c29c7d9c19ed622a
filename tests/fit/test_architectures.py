from __future__ import annotations

from pathlib import Path

import pytest

from garden.core.fit_forecast import Verdict
from garden.fit.architectures import GENERATING, obstacle_of, obstacle_of_task


def test_what_the_engine_runs_meets_no_obstacle() -> None:
    for architecture in ("llama", "qwen3moe", "gemma3", "mamba2", "gpt-oss", "lfm2"):
        assert obstacle_of(architecture) is None


@pytest.mark.parametrize(
    ("architecture", "verdict", "words"),
    [
        ("whisper", Verdict.NOT_A_LANGUAGE_MODEL, "a speech model"),
        ("bert", Verdict.NOT_A_LANGUAGE_MODEL, "an embedding model"),
        ("flux", Verdict.NOT_A_LANGUAGE_MODEL, "an image model"),
        ("wan", Verdict.NOT_A_LANGUAGE_MODEL, "a video model"),
        ("clip", Verdict.NOT_A_LANGUAGE_MODEL, "a projector"),
        ("t5", Verdict.UNSUPPORTED, "an encoder"),
        ("llada", Verdict.UNSUPPORTED, "diffusion"),
        ("eagle3", Verdict.UNSUPPORTED, "drafts"),
        ("brand-new", Verdict.UNSUPPORTED, "“brand-new”"),
        (None, Verdict.UNKNOWN, "does not name its architecture"),
    ],
)
def test_others_are_told_apart(architecture: str | None, verdict: Verdict, words: str) -> None:
    obstacle = obstacle_of(architecture)

    assert obstacle is not None
    assert obstacle.verdict is verdict
    assert words in obstacle.reason
    assert obstacle.suggestion.endswith(".")


def test_the_kind_of_a_file_counts_before_its_architecture() -> None:
    for kind, words in (("mmproj", "projector"), ("adapter", "adapter"), ("imatrix", "importance matrix")):
        obstacle = obstacle_of("llama", kind)
        assert obstacle is not None
        assert words in obstacle.reason


def test_a_name_of_a_thousand_letters_is_cut() -> None:
    obstacle = obstacle_of("x" * 1_000)

    assert obstacle is not None
    assert len(obstacle.reason) < 150


def test_tasks_of_the_hub() -> None:
    assert obstacle_of_task("text-generation") is None
    assert obstacle_of_task("image-text-to-text") is None
    assert obstacle_of_task(None) is None
    assert obstacle_of_task("some-new-task") is None
    speech = obstacle_of_task("automatic-speech-recognition")
    assert speech is not None
    assert speech.verdict is Verdict.NOT_A_LANGUAGE_MODEL


@pytest.mark.engine
def test_every_name_stands_in_the_engines_library() -> None:
    llama_cpp = pytest.importorskip("llama_cpp")
    libraries = [path for path in (Path(llama_cpp.__file__).parent / "lib").iterdir() if "llama." in path.name]
    text = libraries[0].read_bytes()

    assert [name for name in sorted(GENERATING) if f"{name}\0".encode() not in text] == []
