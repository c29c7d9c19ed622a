from __future__ import annotations

from typing import Any

import pytest

from garden.core.catalog import ModelSummary
from garden.core.fit_forecast import Verdict
from garden.fit.rough_forecast import rough_forecast
from tests.fit.headers import machine

DESKTOP = machine(12, total_gib=16)


def verdict(**facts: Any) -> tuple[Verdict, str]:
    facts.setdefault("parameters", 3 * 10**9)
    facts.setdefault("filenames", ("model.safetensors", "config.json"))
    forecast = rough_forecast(ModelSummary(repo_id="owner/model", **facts), DESKTOP, 8_192)
    return forecast.verdict, forecast.reason


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"library_name": "diffusers"}, "image or video"),
        ({"library_name": "sentence-transformers", "architecture": "qwen3", "has_gguf": True}, "embedding"),
        ({"library_name": "pyannote-audio"}, "speech"),
        ({"library_name": "ESM"}, "proteins"),
        ({"library_name": "boltz"}, "proteins"),
        ({"library_name": "lerobot"}, "robots"),
        ({"library_name": "timm", "tags": ("timm",)}, "images"),
        ({"library_name": "transformers", "tags": ("transformers", "esm", "biology")}, "proteins"),
        ({"library_name": "transformers", "tags": ("bert",)}, "embedding"),
        ({"tags": ("protein-folding",)}, "proteins"),
        ({"tags": ("drug-discovery",)}, "molecules"),
        ({"tags": ("text-to-image", "gguf"), "has_gguf": True}, "image"),
        ({"pipeline_tag": "text-to-image"}, "image"),
        ({"pipeline_tag": "graph-ml"}, "graphs"),
    ],
)
def test_what_does_not_chat_is_never_rated_as_a_chat_model(facts: dict[str, Any], words: str) -> None:
    found, reason = verdict(**facts)

    assert found is Verdict.NOT_A_LANGUAGE_MODEL
    assert words in reason


@pytest.mark.parametrize(
    "facts",
    [
        {"pipeline_tag": "text-generation", "tags": ("biology", "protein")},
        {"architecture": "llama", "has_gguf": True, "tags": ("gguf", "dna")},
        {"tags": ("transformers", "llama")},
        {"library_name": "mlx"},
        {"tags": ("conversational",)},
    ],
)
def test_a_chat_model_about_such_things_stays_one(facts: dict[str, Any]) -> None:
    assert verdict(**facts)[0] is Verdict.FITS


def test_where_nothing_says_what_a_model_does_its_verdict_is_unknown() -> None:
    assert verdict() == (Verdict.UNKNOWN, "The Hub does not say what this model does.")
