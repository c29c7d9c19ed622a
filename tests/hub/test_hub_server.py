"""The server of the tests is a Hub: the Hub's own client works against it, and its shelf has true shapes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.paths import resource_path
from garden.gguf.header import read_header
from garden.hub.client import HubClient
from garden.hub.hub_library import switch_off_extras
from garden.hub.search_query import SearchQuery
from tests.hubserver import HubServer, ServedRepository, folder_repositories, gguf_repository, repository
from tests.hubserver.catalogue import catalogue
from tests.hubserver.shapes import Model, tensors

_DATA = bytes(range(256)) * 1000


@pytest.fixture
def hub() -> Iterator[HubServer]:
    shelf = [repository("owner/model", **{"model-Q4_K_M.gguf": _DATA, "README.md": b"# Hello"})]
    with HubServer(shelf, accounts={"hf_good": "ada"}) as server:
        yield server


def test_huggingface_hub_lists_and_downloads_from_it(hub: HubServer, tmp_path: Path) -> None:
    switch_off_extras()
    from huggingface_hub import HfApi, hf_hub_download

    api = HfApi(endpoint=hub.endpoint, token=False)
    assert [model.id for model in api.list_models(filter="gguf", search="mod")] == ["owner/model"]
    assert {file.path for file in api.list_repo_tree("owner/model")} == {"model-Q4_K_M.gguf", "README.md"}
    for name, data in (("model-Q4_K_M.gguf", _DATA), ("README.md", b"# Hello")):
        path = hf_hub_download("owner/model", name, endpoint=hub.endpoint, token=False, cache_dir=tmp_path)
        assert Path(path).read_bytes() == data


def test_huggingface_hub_sees_sizes_and_hashes(hub: HubServer) -> None:
    switch_off_extras()
    from huggingface_hub import HfApi

    info = HfApi(endpoint=hub.endpoint, token=False).model_info("owner/model", files_metadata=True)
    by_name = {sibling.rfilename: sibling for sibling in info.siblings or []}
    lfs = by_name["model-Q4_K_M.gguf"].lfs
    assert lfs is not None
    served = hub.state.repositories["owner/model"].file("model-Q4_K_M.gguf")
    assert served is not None
    assert (lfs.size, lfs.sha256) == (256_000, served.content.sha256)


def test_a_local_gguf_is_a_repository_with_its_headers_facts(tiny_model: Path) -> None:
    served = gguf_repository("owner/tiny-GGUF", tiny_model, likes=7)
    with HubServer([served]) as hub, HubClient(hub.endpoint, None) as client:
        (row,) = client.search(SearchQuery("tiny")).items
        assert (row.likes, row.architecture, row.has_gguf) == (7, "llama", True)
        assert row.parameters is not None and row.parameters > 0
        page = client.repository("owner/tiny-GGUF")
        assert page.files[0].size_bytes == tiny_model.stat().st_size


def test_a_folder_is_a_shelf(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "owner" / "name").mkdir(parents=True)
    for path in (tmp_path / "owner" / "name" / "a-Q4_0.gguf", tmp_path / "b-Q4_0.gguf", tmp_path / "b-Q8_0.gguf"):
        path.write_bytes(tiny_model.read_bytes())
    shelf = {served.repo_id: [file.filename for file in served.files] for served in folder_repositories(tmp_path)}
    assert shelf == {
        "local/b-GGUF": ["b-Q4_0.gguf", "b-Q8_0.gguf", "README.md"],
        "owner/name": ["a-Q4_0.gguf", "README.md"],
    }


def test_no_thread_outlives_the_server() -> None:
    import threading

    before = set(threading.enumerate())
    with HubServer([repository("o/r", **{"a.gguf": b"x"})]) as hub, HubClient(hub.endpoint, None) as client:
        client.search(SearchQuery())
    assert set(threading.enumerate()) == before


@pytest.fixture(scope="module")
def shelf() -> list[ServedRepository]:
    return catalogue(resource_path("catalogue/models.json"))


def test_shapes_have_the_parameters_that_were_counted() -> None:
    items = json.loads(resource_path("catalogue/models.json").read_text("utf-8"))["items"]
    counted = {item["repo_id"]: sum(tensor.elements for tensor in tensors(Model(item))) for item in items}
    assert counted == {item["repo_id"]: item["computed_parameters"]["value"] for item in items}


@pytest.mark.parametrize("repo_id", ["bartowski/Llama-3.1-8B-Instruct-GGUF", "mradermacher/DeepSeek-R1-GGUF"])
def test_served_headers_are_real(shelf: list[ServedRepository], repo_id: str) -> None:
    served = next(r for r in shelf if r.repo_id.endswith(repo_id.partition("/")[2]) and r.gguf is not None)
    with HubServer([served]) as hub, HubClient(hub.endpoint, None) as client:
        page = client.repository(served.repo_id)
        group = next(file for file in page.files if file.quant_type == "Q4_K_M")
        header = read_header(client.source(served.repo_id, page.revision, group.filename, group.files[0].size_bytes))
        assert header.header_bytes + header.data_bytes == group.files[0].size_bytes
        assert header.architecture == page.summary.architecture


def test_the_shelf_holds_about_sixty_gguf_repositories(shelf: list[ServedRepository]) -> None:
    with_gguf = [served for served in shelf if served.gguf is not None]
    assert 50 <= len(with_gguf) <= 70
    assert all(file.content.size_bytes <= 50_000_000_000 for served in with_gguf for file in served.files)
