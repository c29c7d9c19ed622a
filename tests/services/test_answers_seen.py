"""Lineage and trust that were looked at before can be read offline; what is private is not kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from garden.core.errors import HubUnreachableError
from garden.services.garden import Garden
from tests.hubserver import HubServer, ServedRepository, repository

_BASE = repository("lab/base", **{"model.safetensors": b"x"})


def _quant(**changes: object) -> ServedRepository:
    made = repository("fan/base-GGUF", **{"m-Q4_0.gguf": b"x"})
    return dataclasses.replace(made, base_models=("lab/base",), relation="quantized", **changes)  # type: ignore[arg-type]  # fields of it


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer([_BASE, _quant()]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def test_offline_they_are_as_they_were_also_after_a_restart(hub: HubServer) -> None:
    with Garden.open() as garden:
        told = garden.catalog.trust("lab/base").result(20)
        family = garden.catalog.families.family("lab/base").result(20)
        runnable = garden.catalog.families.quantizations("lab/base").result(20)
        garden.settings.change(offline=True)
    asked = len(hub.requests)

    with Garden.open() as garden:
        assert garden.catalog.trust("lab/base").result(20) == told
        assert garden.catalog.trust("lab/base", told.commit).result(20) == told
        assert garden.catalog.families.family("lab/base").result(20) == family
        assert garden.catalog.families.quantizations("lab/base").result(20) == runnable
        with pytest.raises(HubUnreachableError, match="not looked at before"):
            garden.catalog.trust("lab/base", "f" * 40).result(20)
        with pytest.raises(HubUnreachableError, match="not looked at before"):
            garden.catalog.families.family("fan/base-GGUF").result(20)
    assert [row.repo_id for row in runnable] == ["fan/base-GGUF"]
    assert len(hub.requests) == asked


def test_what_one_hub_told_is_not_shown_as_anothers(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with Garden.open() as garden:
        garden.catalog.trust("lab/base").result(20)
        garden.settings.change(offline=True)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    with Garden.open() as garden, pytest.raises(HubUnreachableError, match="not looked at before"):
        garden.catalog.trust("lab/base").result(20)
