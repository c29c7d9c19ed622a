from __future__ import annotations

from pathlib import Path

import click
import pytest

from garden.cli.fit_command import ByteSize
from garden.core.conversation import Answer, GenerationMetrics
from garden.services.garden import Garden
from tests.cli.conftest import Cli
from tests.tiny_models import write_tiny_model

KEYS = {
    "target", "architecture", "verdict", "placement", "reason", "method", "weights_bytes", "kv_cache_bytes",
    "recurrent_bytes", "compute_bytes", "total_bytes", "devices", "n_gpu_layers", "max_context",
    "decode_tokens_per_second", "prefill_tokens_per_second",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "size"), [("1024", 1024), ("16G", 16 * 1024**3), ("1.5 GiB", 3 * 1024**3 // 2), ("500mb", 500 * 1024**2)]
)
def test_a_size_is_read_as_people_write_it(text: str, size: int) -> None:
    assert ByteSize().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "much", "-1G", "1e99T", "nan"])
def test_what_is_no_size_is_wrong_usage(text: str) -> None:
    with pytest.raises(click.UsageError):
        ByteSize().convert(text, None, None)


def test_a_forecast_as_json_has_exactly_the_keys_of_the_contract(cli: Cli, tiny_model: Path) -> None:
    forecast = cli("fit", str(tiny_model), "--json").json

    assert set(forecast) == KEYS
    assert all(set(device) == {"name", "required_bytes", "available_bytes"} for device in forecast["devices"])
    assert (forecast["target"], forecast["architecture"], forecast["method"]) == (str(tiny_model), "llama", "formula")
    assert (forecast["verdict"], forecast["placement"]) == ("fits", "cpu")
    parts = ("weights_bytes", "kv_cache_bytes", "recurrent_bytes", "compute_bytes")
    assert sum(forecast[part] for part in parts) == forecast["total_bytes"]
    # Never measured here: unknown, not 0.
    assert forecast["decode_tokens_per_second"] is None


def test_the_context_moves_the_cache_and_nothing_else_of_the_weights(cli: Cli, tiny_model: Path) -> None:
    small, large = (cli("fit", str(tiny_model), "--context", size, "--json").json for size in ("1024", "2048"))

    assert large["kv_cache_bytes"] == 2 * small["kv_cache_bytes"]
    assert large["weights_bytes"] == small["weights_bytes"]


def test_the_type_of_the_cache_can_be_chosen_for_k_and_v(cli: Cli, tiny_model: Path) -> None:
    def cache(*arguments: str) -> int:
        size: int = cli("fit", str(tiny_model), "--json", *arguments).json["kv_cache_bytes"]
        return size

    full, both, one = cache(), cache("--kv-type", "q8_0"), cache("--kv-type-v", "q8_0")

    assert both == full * 34 // 64
    assert both < one < full


def test_little_memory_is_too_little(cli: Cli, tiny_model: Path) -> None:
    forecast = cli("fit", str(tiny_model), "--ram", "1M", "--json").json

    assert (forecast["verdict"], forecast["placement"]) == ("too_large", "none")
    assert forecast["devices"][0]["available_bytes"] == 1024**2


def test_a_gpu_can_be_imagined(cli: Cli, tiny_model: Path) -> None:
    forecast = cli("fit", str(tiny_model), "--vram", "8G", "--json").json

    assert forecast["placement"] == "gpu"
    assert forecast["n_gpu_layers"] == 3
    assert cli("fit", str(tiny_model), "--vram", "8G", "--gpu-layers", "1", "--json").json["n_gpu_layers"] == 1


def test_an_architecture_that_the_engine_does_not_know_is_unsupported(cli: Cli, tmp_path: Path) -> None:
    strange = write_tiny_model(tmp_path / "strange.gguf", architecture="never-heard-of")

    assert cli("fit", str(strange), "--json").json["verdict"] == "unsupported"


def test_the_forecast_as_text(cli: Cli, tiny_model: Path) -> None:
    ran = cli("fit", str(tiny_model))

    assert ran.code == 0
    assert ran.out.startswith(f"{tiny_model}: runs on CPU.")
    assert "weights 2." in ran.out


@pytest.mark.parametrize(
    ("content", "said"), [(b"This is a note.", "not a GGUF file"), (None, "complete"), (b"", "not a GGUF file")]
)
def test_a_file_that_is_no_model_is_one_sentence_and_what_to_do(
    cli: Cli, tmp_path: Path, tiny_model: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(tiny_model.read_bytes()[:1_000_000] if content is None else content)

    ran = cli("fit", str(path))

    assert (ran.code, ran.out) == (1, "")
    assert said in ran.err
    assert len(ran.err.strip().splitlines()) == 1


@pytest.mark.parametrize("target", ["/nowhere/model.gguf", "no-such-model"])
def test_a_model_that_is_not_there(cli: Cli, target: str) -> None:
    ran = cli("fit", target)

    assert ran.code == 1
    assert target in ran.err


def test_a_file_that_ran_here_is_forecast_with_its_own_speed(cli: Cli, tiny_model: Path) -> None:
    with Garden.open() as garden:
        configuration = garden.compare.configuration_for(garden.library.describe(tiny_model))
        metrics = GenerationMetrics(completion_tokens=40, decode_tokens_per_second=123.4)
        garden.fit.remember_speed(Answer(pane="A", configuration=configuration, metrics=metrics))

    assert cli("fit", str(tiny_model), "--json").json["decode_tokens_per_second"] == 123.4
    assert "Answer: about 123 tokens per second, measured here." in cli("fit", str(tiny_model)).out
    # A cache of another type, or a machine that is not this one: nobody measured that.
    for other in (("--kv-type", "q8_0"), ("--ram", "64G")):
        assert cli("fit", str(tiny_model), *other, "--json").json["decode_tokens_per_second"] is None
