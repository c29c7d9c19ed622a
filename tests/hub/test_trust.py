"""Facts about a repository's safety, from a Hub of this machine and from answers that a stranger wrote."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from garden.core.errors import NotFoundError
from garden.core.trust import EvaluationClaim, FileIssue
from garden.hub.client import HubClient
from garden.hub.hub_library import switch_off_extras
from garden.hub.trust_wire import repository_trust
from tests.hubserver import HubServer, ServedRepository, repository

_RESULT: dict[str, object] = {
    "task": {"type": "text-generation", "name": "Text Generation"},
    "dataset": {"type": "mmlu", "name": "MMLU"},
    "metrics": [{"type": "acc", "value": 71.25, "name": "accuracy"}],
}
_COMMIT = "a" * 40


def _model() -> ServedRepository:
    served = repository("lab/model", **{"a.gguf": b"x", "pytorch_model.bin": b"x", "modeling_lab.py": b"x"})
    return dataclasses.replace(
        served,
        license="gemma",
        tags=("custom_code",),
        issues=(("pytorch_model.bin", "unsafe"),),
        results=(_RESULT,),
    )


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer([_model()]) as server:
        yield server


def test_one_request_tells_what_speaks_for_and_against_it(hub: HubServer) -> None:
    with HubClient(hub.endpoint, None) as client:
        trust = client.trust("lab/model")

    assert (trust.license_id, trust.gated, trust.scanned, trust.custom_code) == ("gemma", None, True, True)
    assert trust.formats == ("gguf", "pickle")
    assert trust.code_files == ("pytorch_model.bin",)
    assert trust.issues == (FileIssue(filename="pytorch_model.bin", level="unsafe"),)
    claim = EvaluationClaim(task="Text Generation", dataset="MMLU", metric="accuracy", value="71.25")
    assert trust.claims == (claim,)
    assert len(hub.requests) == 1


def test_the_hubs_own_client_reads_the_same(hub: HubServer) -> None:
    switch_off_extras()
    from huggingface_hub import HfApi

    info = HfApi(endpoint=hub.endpoint, token=False).model_info("lab/model", securityStatus=True)

    status = info.security_repo_status
    assert status == {"scansDone": True, "filesWithIssues": [{"path": "pytorch_model.bin", "level": "unsafe"}]}


def test_a_model_that_is_not_there_is_one_sentence(hub: HubServer) -> None:
    with HubClient(hub.endpoint, None) as client, pytest.raises(NotFoundError):
        client.trust("no/body")


@pytest.mark.parametrize(
    "hostile",
    [
        {"securityRepoStatus": []},
        {"securityRepoStatus": {"scansDone": "yes", "filesWithIssues": {"path": 1}}},
        {"securityRepoStatus": {"filesWithIssues": [1, None, {"path": ["x"], "level": {}}, {"path": "a"}]}},
        {"model-index": {"results": 1}},
        {"model-index": [{"results": [{"metrics": [{"value": True}, {"value": None}, {"value": [1]}, 7]}]}]},
        {"model-index": [None, 1, {"results": [[], None, {"task": 1, "dataset": 2, "metrics": 3}]}]},
        {"gated": {"a": 1}, "cardData": {"license_link": "javascript:alert(1)"}},
        {"cardData": {"license_link": "file:///etc/passwd", "license": ["mit"]}},
    ],
)
def test_answers_of_another_shape_tell_nothing(hostile: dict[str, object]) -> None:
    trust = repository_trust({"id": "lab/model", "sha": _COMMIT, **hostile})

    assert trust is not None
    assert (trust.issues, trust.claims, trust.license_link, trust.gated) == ((), (), None, None)


def test_text_of_strangers_is_cut_and_cleaned() -> None:
    issue = {"path": "a\x1b[31m\u202eb\n" + "x" * 10_000, "level": "unsafe" * 1_000}
    results = [{"metrics": [{"type": "m" * 9_999, "value": "9" * 9_999}]} for _ in range(500)]
    page = {
        "id": "lab/model", "sha": _COMMIT, "securityRepoStatus": {"filesWithIssues": [issue] * 5_000},
        "model-index": [{"results": results}],
    }  # fmt: skip

    trust = repository_trust(page)

    assert trust is not None
    assert (len(trust.issues), len(trust.claims)) == (200, 60)
    assert all(len(found.filename) <= 300 and found.filename.isprintable() for found in trust.issues)
    assert all(len(claim.metric) <= 120 and len(claim.value) <= 40 for claim in trust.claims)
