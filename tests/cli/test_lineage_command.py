from __future__ import annotations

import dataclasses

from tests.cli.conftest import Cli
from tests.hubserver import HubServer, repository


def _shelve(hub: HubServer) -> None:
    base = repository("lab/base", **{"model.safetensors": b"x"})
    tuned = dataclasses.replace(base, repo_id="ada/tuned", base_models=("lab/base",), relation="finetune", downloads=7)
    quant = repository("fan/base-GGUF", **{"m-Q4_0.gguf": b"x"})
    hub.state.put([base, tuned, dataclasses.replace(quant, base_models=("lab/base",))])


def test_a_family_is_told_up_and_down(cli: Cli, hub: HubServer) -> None:
    _shelve(hub)

    ran = cli("lineage", "fan/base-GGUF")

    assert ran.code == 0
    assert "  quantized from lab/base\n" in ran.out
    assert "Fine-tunes of lab/base:\n" in ran.out
    assert "ada/tuned" in ran.out


def test_a_family_as_json(cli: Cli, hub: HubServer) -> None:
    _shelve(hub)

    told = cli("lineage", "lab/base", "--json").json

    assert (told["repo_id"], told["ancestors"], told["trunk"]) == ("lab/base", [], "lab/base")
    assert [(row["repo_id"], row["relation"]) for row in told["derivatives"]] == [
        ("ada/tuned", "finetune"),
        ("fan/base-GGUF", "quantized"),
    ]


def test_a_model_without_relatives_says_so(cli: Cli, hub: HubServer) -> None:
    hub.state.put([repository("lab/alone", **{"a.gguf": b"x"})])

    assert cli("lineage", "lab/alone").out == "lab/alone\nNothing on the Hub says that it was made from lab/alone.\n"


def test_what_is_no_repository_is_wrong_usage(cli: Cli) -> None:
    assert cli("lineage", "no repository").code == 2
