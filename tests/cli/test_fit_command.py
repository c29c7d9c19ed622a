from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest

from garden.cli import fit_command
from garden.cli.fit_command import ByteSize
from garden.core.conversation import Answer, GenerationMetrics
from garden.core.model_ref import ModelRef
from garden.core.quantity import format_bytes
from garden.fit.devices import PROCESS_BYTES
from garden.fit.verdict import amount
from garden.fit.vocabulary import bpe_bytes
from garden.gguf.made_up_model import MadeUpModel
from garden.services.garden import Garden
from tests.cli.conftest import REPO, Cli
from tests.fit.projector_files import write_projector
from tests.hubserver import HubServer, repository_of
from tests.tiny_models import write_tiny_model

#: Some 4 GB, with a cache of some 8 GB.
SHAPE = MadeUpModel(
    width=4_096, feed_forward=12_288, heads=32, kv_heads=8, blocks=36, vocabulary=32_000, weights="Q4_0",
    context_length=65_536,
)  # fmt: skip
REFERENCE = ModelRef(name="Shape", filenames=("shape-Q4_0.gguf",), quant_type="Q4_0")

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


@pytest.mark.engine
def test_the_engine_itself_can_be_asked(cli: Cli, tiny_model: Path) -> None:
    exact = cli("fit", str(tiny_model), "--method", "exact", "--json").json
    formula = cli("fit", str(tiny_model), "--json").json

    assert set(exact) == KEYS
    assert (exact["method"], exact["verdict"], exact["placement"]) == ("exact", "fits", "cpu")
    assert (exact["weights_bytes"], exact["kv_cache_bytes"]) == (formula["weights_bytes"], formula["kv_cache_bytes"])
    parts = ("weights_bytes", "kv_cache_bytes", "recurrent_bytes", "compute_bytes")
    assert sum(exact[part] for part in parts) == exact["total_bytes"]


@pytest.mark.engine
def test_an_exact_budget_is_taken_to_the_last_byte(cli: Cli, tiny_model: Path) -> None:
    def verdict(size: int) -> tuple[str, str, int]:
        answer = cli("fit", str(tiny_model), "--method", "exact", "--ram", str(size), "--vram", "0", "--json").json
        return answer["verdict"], answer["placement"], answer["devices"][0]["available_bytes"]

    needed = cli("fit", str(tiny_model), "--method", "exact", "--vram", "0", "--json").json["total_bytes"]

    assert verdict(needed) == ("fits", "cpu", needed)
    assert verdict(needed - 1) == ("too_large", "none", needed - 1)


@pytest.mark.engine
def test_an_imagined_gpu_is_planned_on_by_the_engine(cli: Cli, tiny_model: Path) -> None:
    def ask(*arguments: str) -> dict[str, Any]:
        answer: dict[str, Any] = cli("fit", str(tiny_model), "--method", "exact", "--json", *arguments).json
        return answer

    whole = ask("--vram", "8G")
    assert (whole["placement"], whole["n_gpu_layers"], whole["devices"][0]["name"]) == ("gpu", 3, "GPU")

    needed = whole["devices"][0]["required_bytes"]
    assert ask("--vram", str(needed))["placement"] == "gpu"
    assert ask("--vram", str(needed - 1))["placement"] != "gpu"
    assert ask("--vram", "8G", "--gpu-layers", "1")["n_gpu_layers"] == 1


@pytest.mark.engine
def test_every_option_reaches_the_engine(cli: Cli, tiny_model: Path) -> None:
    def compute(*arguments: str) -> tuple[int, int]:
        answer = cli("fit", str(tiny_model), "--method", "exact", "--json", *arguments).json
        return answer["kv_cache_bytes"], answer["compute_bytes"]

    cache, buffers = compute("--context", "2048")

    assert compute("--context", "1024")[0] == cache // 2
    assert compute("--context", "2048", "--kv-type", "q8_0")[0] == cache * 34 // 64
    assert compute("--context", "2048", "--ubatch", "64")[1] < buffers
    assert compute("--context", "2048", "--flash-attention", "off")[1] > buffers
    assert compute("--context", "2048", "--sequences", "4") != (cache, buffers)


@pytest.mark.engine
def test_what_the_engine_refuses_is_a_verdict_and_no_failure(cli: Cli, tiny_model: Path) -> None:
    ran = cli("fit", str(tiny_model), "--method", "exact", "--kv-type-v", "q4_0", "--flash-attention", "off", "--json")

    assert ran.code == 0
    assert (ran.json["verdict"], ran.json["placement"]) == ("unsupported", "none")
    assert "flash attention" in ran.json["reason"]
    assert ran.json["total_bytes"] is None


@pytest.mark.engine
def test_a_close_call_is_decided_by_the_engine(cli: Cli, tiny_model: Path) -> None:
    plenty = cli("fit", str(tiny_model), "--ram", "8G", "--vram", "0", "--json").json
    assert plenty["method"] == "formula"

    # Its total, and beside it the process and a vocabulary of 288 tokens and 8 merges.
    edge = plenty["total_bytes"] + PROCESS_BYTES + bpe_bytes(288, 8)
    close = cli("fit", str(tiny_model), "--ram", str(edge + 100_000), "--vram", "0", "--json").json

    assert (close["method"], close["verdict"]) == ("exact", "tight")


@pytest.mark.engine
def test_a_file_on_the_hub_is_asked_about_before_the_download(cli: Cli, hub: HubServer, tiny_model: Path) -> None:
    remote = cli("fit", f"{REPO}:F16", "--method", "exact", "--json").json
    local = cli("fit", str(tiny_model), "--method", "exact", "--json").json

    assert remote["method"] == "exact"
    assert {key: remote[key] for key in KEYS - {"target", "reason", "devices"}} == {
        key: local[key] for key in KEYS - {"target", "reason", "devices"}
    }


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


@pytest.mark.parametrize(
    ("asked", "note"),
    [
        ("4096", "The model was trained for 2,048 tokens: beyond them its answers fall apart."),
        ("16", "A context of 16 tokens becomes 256: the engine takes it in steps of 256."),
        ("2048", ""),
    ],
)
def test_what_there_is_to_say_of_a_context_is_in_the_verdict(cli: Cli, tiny_model: Path, asked: str, note: str) -> None:
    first = cli("fit", str(tiny_model), "--context", asked).out.splitlines()[0]
    reason = cli("fit", str(tiny_model), "--context", asked, "--json").json["reason"]

    for told in (first, reason):
        assert told.endswith(note)
        assert ("trained for" in told or "becomes" in told) is bool(note)


def test_without_a_forecast_there_is_no_table(cli: Cli, tiny_model: Path) -> None:
    ran = cli("fit", str(tiny_model), "--kv-type-v", "q8_0", "--flash-attention", "off")

    assert ran.out.splitlines() == [
        f"{tiny_model}: engine cannot run it. A quantized V cache needs flash attention.",
        "Switch flash attention on, or keep V in f16.",
    ]


def test_the_trained_context_is_told_as_such(cli: Cli, tiny_model: Path) -> None:
    out = cli("fit", str(tiny_model), "--context", "100000").out

    assert "tokens that the model was trained for fit." in out
    assert "Largest context" not in out


def test_where_a_context_leaves_the_gpu_is_told(cli: Cli, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = SHAPE.header()
    monkeypatch.setattr(fit_command, "header_of", lambda _garden, _target, own: (header, REFERENCE, None))

    out = cli("fit", "any", "--vram", "8G", "--ram", "24G").out
    told = re.search(r"On the GPU alone up to ([\d,]+) tokens; split between GPU and RAM all 65,536 ", out)

    assert told is not None
    largest = int(told[1].replace(",", ""))
    at, beyond = (
        cli("fit", "any", "--vram", "8G", "--ram", "24G", "--context", str(size)).out
        for size in (largest, largest + 512)
    )
    assert "All 37 layers fit on the GPU" in at
    assert "split" in beyond.splitlines()[0]


def test_what_a_sentence_and_a_table_say_has_one_unit() -> None:
    assert amount(2324.8 * 1024**3) == format_bytes(2324.8 * 1024**3) == "2.27 TiB"
    assert amount(1.25 * 1024**3) == "1.2 GiB"


def test_what_images_take_is_told_beside_the_model(cli: Cli, hub: HubServer, tiny_model: Path, tmp_path: Path) -> None:
    projector = write_projector(tmp_path / "mmproj-Tiny-F16.gguf", "SmolVLM")
    hub.state.put([repository_of("owner/Seeing-GGUF", tiny_model, projector)])

    ran = cli("fit", "owner/Seeing-GGUF:F16", "--ram", "8G")

    assert "Images take 0.2 GiB more, which is free as well." in ran.out
    assert "beside them images or sound" in ran.out
    document = cli("fit", "owner/Seeing-GGUF:F16", "--json").json
    assert set(document) == KEYS
    assert "Images take" in document["reason"]


def test_another_machine_gets_its_own_verdict(cli: Cli, tiny_model: Path) -> None:
    there = cli("fit", str(tiny_model), "--machine", "RTX-4090", "--json").json
    here = cli("fit", str(tiny_model), "--json").json
    said = cli("fit", str(tiny_model), "--machine", "rtx-4090", "--ram", "64G").out

    assert (there["placement"], here["placement"]) == ("gpu", "cpu")
    assert set(there) == KEYS
    assert there["decode_tokens_per_second"] is None
    assert said.startswith("On GeForce RTX 4090, 24 GB + 64 GB RAM, 62.0 GiB of RAM free:")
    assert "at most" in said.splitlines()[-1]


def test_an_unknown_machine_is_told_with_what_is_meant(cli: Cli, tiny_model: Path) -> None:
    ran = cli("fit", str(tiny_model), "--machine", "gtx-4090")

    assert (ran.code, ran.out) == (1, "")
    assert "rtx-4090" in ran.err and "garden hardware --catalogue" in ran.err
    assert cli("fit", str(tiny_model), "--machine", "rtx-4090", "--vram", "8G").code == 2
    assert cli("fit", str(tiny_model), "--machine", "rtx-4090", "--measure").code == 2


def test_what_an_option_cannot_change_is_said(cli: Cli, tiny_model: Path) -> None:
    refused = cli("fit", str(tiny_model), "--machine", "macbook-air-m2-16gb", "--ram", "64G")
    said = cli("fit", str(tiny_model), "--gpu-layers", "10").out

    assert refused.code == 2 and "--ram" in refused.err
    assert "--gpu-layers changes nothing" in said
    assert cli("hardware", "--catalogue", "--calibrate").code == 2


def test_figures_say_which_context_they_are_for(cli: Cli, tiny_model: Path) -> None:
    alone = cli("fit", str(tiny_model), "--context", "1024").out
    shared = cli("fit", str(tiny_model), "--context", "1024", "--sequences", "4").out

    assert "At 1,024 tokens: weights" in alone
    assert "At 1,024 tokens, 256 for each of 4 sequences: weights" in shared


def test_a_pasted_address_names_the_same_file(cli: Cli, hub: HubServer) -> None:
    named = cli("fit", f"{REPO}:F16", "--json").json
    filename = next(iter(cli("files", REPO, "--json").json))["filename"]
    pasted = [
        cli("fit", text, "--json").json
        for text in (
            f"https://huggingface.co/{REPO}/blob/main/{filename}",
            f"https://huggingface.co/{REPO}/resolve/main/{filename}?download=true",
            f"{hub.endpoint}/{REPO}",
            f"hf.co/{REPO}:F16",
        )
    ]

    assert [one["total_bytes"] for one in pasted] == [named["total_bytes"]] * 4


@pytest.mark.parametrize("command", [("fit",), ("download",), ("export",), ("quantize", "--dry-run")])
def test_an_address_of_another_host_is_refused_wherever_a_model_is_named(
    cli: Cli, hub: HubServer, command: tuple[str, ...]
) -> None:
    rest = {"quantize": ["Q4_0"], "export": ["--format", "ollama", "-o", "x"]}.get(command[0], [])

    ran = cli(command[0], "https://example.org/owner/repo", *rest, *command[1:])

    assert ran.code == 1
    assert ran.err.splitlines()[-1].startswith(
        "“https://example.org/owner/repo” is no address of a model on the Hub. Paste one of https://huggingface.co/"
    )


def test_a_verdict_is_an_answer_unless_it_is_checked(cli: Cli, tiny_model: Path) -> None:
    plain = cli("fit", str(tiny_model), "--ram", "1M")
    fits = cli("fit", str(tiny_model), "--check")
    too_large = cli("fit", str(tiny_model), "--ram", "1M", "--check")
    as_json = cli("fit", str(tiny_model), "--ram", "1M", "--check", "--json")

    assert (plain.code, fits.code, too_large.code, as_json.code) == (0, 0, 1, 1)
    assert too_large.out == plain.out
    assert too_large.err.startswith(f"{tiny_model}: too large.")
    assert as_json.json["verdict"] == "too_large"
