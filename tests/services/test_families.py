"""Families of models on a Hub of this machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from garden.core.errors import CancelledByUser, NotFoundError
from garden.core.model_family import Relation
from garden.services.garden import Garden
from tests.hubserver import Fault, HubServer, ServedRepository, repository


def _made(repo_id: str, *bases: str, relation: str = "finetune", downloads: int = 0) -> ServedRepository:
    name = "m-Q4_0.gguf" if relation == "quantized" else "model.safetensors"
    made = repository(repo_id, **{name: b"x"})
    return dataclasses.replace(made, base_models=bases, relation=relation, downloads=downloads)


_SHELF = [
    _made("lab/base"),
    _made("lab/instruct", "lab/base", downloads=50),
    _made("ada/medical", "lab/instruct", downloads=9),
    _made("bob/adapter", "lab/instruct", relation="adapter"),
    _made("eve/merge", "ada/medical", "lab/instruct", relation="merge"),
    _made("lab/instruct-GGUF", "lab/instruct", relation="quantized", downloads=3),
    _made("fan/instruct-GGUF", "lab/instruct", relation="quantized", downloads=800),
    _made("fan/medical-GGUF", "ada/medical", relation="quantized"),
]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer(_SHELF) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


@pytest.fixture
def garden(hub: HubServer) -> Iterator[Garden]:
    with Garden.open() as opened:
        yield opened


def test_a_base_model_leads_down_to_what_was_made_of_it(garden: Garden) -> None:
    family = garden.catalog.families.family("lab/instruct").result(20)

    assert [[parent.repo_id for parent in parents] for parents in family.generations] == [["lab/base"]]
    assert family.trunk == "lab/instruct"
    made = {group.relation: [model.repo_id for model in group.models] for group in family.derivatives}
    assert made == {
        Relation.FINETUNE: ["ada/medical"],
        Relation.ADAPTER: ["bob/adapter"],
        Relation.MERGE: ["eve/merge"],
        Relation.QUANTIZED: ["fan/instruct-GGUF", "lab/instruct-GGUF"],
    }


def test_a_quantization_leads_up_and_to_the_relatives_of_its_model(garden: Garden) -> None:
    family = garden.catalog.families.family("fan/medical-GGUF").result(20)

    told = [(parent.repo_id, parent.relation) for (parent, *_others) in family.generations]
    assert told == [
        ("ada/medical", Relation.QUANTIZED),
        ("lab/instruct", Relation.FINETUNE),
        ("lab/base", Relation.FINETUNE),
    ]
    assert family.trunk == "ada/medical"
    assert {group.relation for group in family.derivatives} == {Relation.MERGE, Relation.QUANTIZED}


def test_all_parents_of_a_merge_are_told(garden: Garden) -> None:
    family = garden.catalog.families.family("eve/merge").result(20)

    assert [parent.repo_id for parent in family.generations[0]] == ["ada/medical", "lab/instruct"]
    assert family.generations[0][0].relation is Relation.MERGE


def test_a_circle_ends(hub: HubServer, garden: Garden) -> None:
    hub.state.put([_made("o/a", "o/b"), _made("o/b", "o/a"), _made("o/self", "o/self")])

    assert [parents[0].repo_id for parents in garden.catalog.families.family("o/a").result(20).generations] == ["o/b"]
    assert garden.catalog.families.family("o/self").result(20).generations == ()


def test_a_parent_that_is_gone_is_named_and_ends_the_way_up(hub: HubServer, garden: Garden) -> None:
    hub.state.put([_made("o/orphan", "gone/base")])

    ((parent,),) = garden.catalog.families.family("o/orphan").result(20).generations

    assert (parent.repo_id, parent.summary) == ("gone/base", None)


def test_a_mirror_that_ignores_the_filter_does_not_make_strangers_relatives(
    hub: HubServer, garden: Garden, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("garden.hub.client.derived_from", lambda *_of: "gguf")

    family = garden.catalog.families.family("lab/base").result(20)

    assert family.derivatives == ()


def test_names_that_a_stranger_wrote_cost_no_request_elsewhere(hub: HubServer, garden: Garden) -> None:
    hub.state.put([_made("o/hostile", "../../etc/passwd", "http://evil.example/x", "a/b/c", "o/hostile?x=1")])

    assert garden.catalog.families.family("o/hostile").result(20).generations == ()
    assert len(hub.requests) == 1 + len(Relation)


def test_quantizations_that_can_be_run_come_with_the_publishers_own_first(garden: Garden) -> None:
    found = garden.catalog.families.quantizations("lab/instruct").result(20)

    assert [row.repo_id for row in found] == ["lab/instruct-GGUF", "fan/instruct-GGUF"]


def test_a_model_that_is_not_there_is_one_sentence(garden: Garden) -> None:
    with pytest.raises(NotFoundError):
        garden.catalog.families.family("no/body").result(20)


def test_cancelling_ends_it(hub: HubServer, garden: Garden) -> None:
    hub.fail(Fault("hang", where="api", skip=1))
    handle = garden.catalog.families.family("ada/medical")
    while len(hub.requests) < 2:
        assert not handle.done
    handle.cancel()

    with pytest.raises(CancelledByUser):
        handle.result(5)
