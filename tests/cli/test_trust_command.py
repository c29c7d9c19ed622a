from __future__ import annotations

import dataclasses

from tests.cli.conftest import Cli
from tests.hubserver import HubServer, repository


def test_facts_are_told_with_their_weight(cli: Cli, hub: HubServer) -> None:
    served = repository("lab/model", **{"model.bin": b"x"})
    hub.state.put([dataclasses.replace(served, license="mit", issues=(("model.bin", "unsafe"),))])

    ran = cli("trust", "lab/model")

    assert ran.code == 0
    assert "+ Licence: MIT · permissive\n" in ran.out
    assert "! Formats: Holds files that can run code: model.bin\n" in ran.out
    assert "! Scans of the Hub: 1 file with issues: model.bin (unsafe)\n" in ran.out


def test_facts_as_json(cli: Cli, hub: HubServer) -> None:
    hub.state.put([dataclasses.replace(repository("lab/model", **{"a.gguf": b"x"}), license="gemma")])

    told = cli("trust", "lab/model", "--json").json

    assert (told["license_id"], told["license_class"], told["formats"]) == ("gemma", "restricted", ["gguf"])
    assert told["issues"] == [] and told["scanned"] is True


def test_what_is_no_repository_is_wrong_usage(cli: Cli) -> None:
    assert cli("trust", "no repository").code == 2
