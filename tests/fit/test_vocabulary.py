from __future__ import annotations

import pytest

from garden.fit.vocabulary import vocabulary_bytes
from garden.gguf.header import ArraySkipped, GgufHeader, Value
from tests.fit.headers import header

MIB = 1024**2


def with_vocabulary(tokenizer: str | None, tokens: int, merges: int | None = None) -> GgufHeader:
    more: dict[str, Value] = {"tokenizer.ggml.tokens": ArraySkipped(count=tokens)}
    if tokenizer is not None:
        more["tokenizer.ggml.model"] = tokenizer
    if merges is not None:
        more["tokenizer.ggml.merges"] = ArraySkipped(count=merges)
    return header("llama", {"vocab_size": tokens}, (), **more)


@pytest.mark.parametrize(
    ("tokenizer", "tokens", "merges", "mib"),
    [
        # Growth of the resident set of the engine over its weights, when it had loaded a model with this vocabulary.
        ("gpt2", 49_152, 48_900, 17.1),
        ("gpt2", 100_000, 99_700, 31.4),
        ("gpt2", 151_936, 151_387, 44.7),
        ("gpt2", 128_256, 280_147, 52.3),
        ("gpt2", 262_144, 514_906, 97.5),
        ("llama", 32_000, None, 5.7),
        ("llama", 128_000, None, 19.9),
        ("llama", 262_144, None, 39.7),
    ],
)
def test_it_is_what_the_engine_takes(tokenizer: str, tokens: int, merges: int | None, mib: float) -> None:
    assert vocabulary_bytes(with_vocabulary(tokenizer, tokens, merges)) == pytest.approx(mib * MIB, rel=0.05)


def test_merges_that_were_not_read_are_about_as_many_as_the_tokens() -> None:
    read = vocabulary_bytes(with_vocabulary("gpt2", 151_936, 151_387))

    assert vocabulary_bytes(header("qwen3", {"vocab_size": 151_936})) == pytest.approx(read, rel=0.01)


def test_a_tokenizer_of_its_own_name_with_merges_counts_them() -> None:
    assert vocabulary_bytes(with_vocabulary("gemma4", 262_144, 514_906)) > 90 * MIB


def test_a_small_vocabulary_takes_no_megabytes() -> None:
    assert vocabulary_bytes(with_vocabulary("gpt2", 300, 20)) < 100 * 1024
    assert vocabulary_bytes(header("llama", {})) == 0


def test_a_count_that_no_file_has_is_cut() -> None:
    assert vocabulary_bytes(with_vocabulary("gpt2", 2**40, 2**40)) < 4 * 1024**3
