from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from tests.cli.conftest import REPO, Cli
from tests.hubserver import HubServer, repository, repository_of


def test_a_row_tells_the_hash_and_below_stands_why_one_is_recommended(
    cli: Cli, hub: HubServer, tiny_model: Path
) -> None:
    lines = cli("files", REPO).out.splitlines()

    assert hashlib.sha256(tiny_model.read_bytes()).hexdigest()[:12] in lines[1]
    assert lines[1].endswith("recommended")
    assert lines[2].startswith("Recommended: F16. ")


def test_verdicts_are_of_the_context_that_is_asked_for(cli: Cli, hub: HubServer) -> None:
    small, large = (cli("files", REPO, "--context", number, "--json").json[0] for number in ("64", "512"))

    assert small["total_bytes"] < large["total_bytes"]


def test_another_revision_is_asked_for(cli: Cli, hub: HubServer) -> None:
    ran = cli("files", REPO, "--revision", "no-such-branch")

    assert (ran.code, ran.out) == (1, "")
    assert "no-such-branch" in ran.err


def test_a_repository_without_gguf_files_leads_to_those_made_from_it(cli: Cli, hub: HubServer) -> None:
    base = repository("lab/base", **{"model.safetensors": b"x"})
    own, popular = (
        dataclasses.replace(
            repository(name, **{"m-Q4_K_M.gguf": b"x"}),
            base_models=("lab/base",),
            relation="quantized",
            downloads=count,
        )
        for name, count in (("lab/base-GGUF", 3), ("fan/base-GGUF", 800))
    )
    hub.state.put([base, popular, own])

    ran = cli("files", "lab/base")

    assert ran.code == 0
    assert ran.out.splitlines()[0] == "This repository holds safetensors; Garden runs GGUF files."
    assert ran.out.index("lab/base-GGUF") < ran.out.index("fan/base-GGUF")
    assert cli("files", "lab/base", "--json").json == []


def test_what_cannot_chat_is_told_with_its_reason(cli: Cli, hub: HubServer) -> None:
    drawing = repository("lab/painter", **{"model.safetensors": b"x"})
    hub.state.put([dataclasses.replace(drawing, pipeline_tag="text-to-image")])

    ran = cli("files", "lab/painter")

    assert (ran.code, ran.out) == (1, "")
    assert "lab/painter has no GGUF files." in ran.err
    assert "not a language model" in ran.err


def test_a_card_begins_with_licence_and_purpose(cli: Cli, hub: HubServer, tiny_model: Path) -> None:
    text = "---\nlicense: cc0-1.0\n---\n# Tiny\n\n## Intended use\n\nTests.\x1b[31m\n"
    hub.state.put([repository_of(REPO, tiny_model, card=text, license="cc0-1.0")])

    ran = cli("card", REPO)

    assert ran.code == 0
    assert ran.out.startswith("> **Licence** CC0")
    assert "> **Intended use** Tests." in ran.out
    assert "license:" not in ran.out
    assert "\x1b" not in ran.out
    assert cli("card", REPO, "--json").json["markdown"] == text


def test_a_repository_without_a_card_says_so(cli: Cli, hub: HubServer) -> None:
    hub.state.put([repository("lab/silent", **{"a-F16.gguf": b"x"})])

    ran = cli("card", "lab/silent")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("lab/silent has no card.")
    assert cli("card", "no repository").code == 2
