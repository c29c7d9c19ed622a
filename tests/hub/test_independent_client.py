"""The Hub of the tests in the eyes of a client in another language: whatever it reads here it reads on the real one."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.hubserver import HubServer, repository
from tests.hubserver.state import LoggedRequest

_PACKAGE = "@huggingface/hub@2.17.5"
_SCRIPT = Path(__file__).with_name("independent_client.mjs")
_NAME = "model-Q4_K_M.gguf"
_DATA = bytes(range(256)) * 1000


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script beside the package; skipped, saying so, where Node or its registry is missing."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node is not installed")
    folder = tmp_path_factory.mktemp("independent-client")
    command = [npm, "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund", _PACKAGE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("the registry of Node's packages does not answer")
    if done.returncode:
        pytest.skip(f"{_PACKAGE} could not be fetched")
    return Path(shutil.copy(_SCRIPT, folder))


@pytest.fixture(scope="module")
def visit(client: Path) -> tuple[dict[str, Any], list[LoggedRequest], HubServer]:
    """What the client was told, and what it asked for."""
    shelf = [
        repository("owner/model", **{_NAME: _DATA, "README.md": b"# Hello", "sub/deep/config.json": b"{}"}),
        dataclasses.replace(repository("owner/closed", **{_NAME: _DATA}), gated=True),
    ]
    with HubServer(shelf, accounts={"hf_good": "ada"}, consented={"hf_good"}) as hub:
        command = ["node", str(client), hub.endpoint, "owner/model", _NAME, "owner/closed"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), hub.requests, hub


def test_it_finds_the_repository_and_its_files(visit: tuple[dict[str, Any], list[LoggedRequest], HubServer]) -> None:
    told, _requests, hub = visit
    served = hub.state.repositories["owner/model"]
    assert told["models"] == ["owner/model"]
    assert (told["model"]["name"], told["model"]["sha"]) == ("owner/model", served.commit)
    files = {entry["path"]: entry for entry in told["files"] if entry["type"] == "file"}
    assert set(files) == {_NAME, "README.md", "sub/deep/config.json"}
    large = served.file(_NAME)
    assert large is not None
    assert files[_NAME]["lfs"] == {"oid": large.content.sha256, "size": len(_DATA), "pointerSize": 135}
    assert [entry["path"] for entry in told["paths"]] == [_NAME]


def test_it_reads_whole_files_and_parts_of_them(
    visit: tuple[dict[str, Any], list[LoggedRequest], HubServer],
) -> None:
    told, _requests, _hub = visit
    assert (told["info"]["size"], told["size"]) == (len(_DATA), len(_DATA))
    assert told["sha256"] == hashlib.sha256(_DATA).hexdigest()
    assert told["middle"] == hashlib.sha256(_DATA[1000:5000]).hexdigest()
    assert told["missing"] is None


def test_accounts_open_what_is_gated_and_no_token_goes_to_the_other_origin(
    visit: tuple[dict[str, Any], list[LoggedRequest], HubServer],
) -> None:
    told, requests, _hub = visit
    assert (told["account"], told["strange"], told["shut"]) == ("ada", 401, 401)
    assert told["opened"] == hashlib.sha256(_DATA).hexdigest()
    elsewhere = [request for request in requests if request.origin == "cdn"]
    assert elsewhere and not any("authorization" in request.headers for request in elsewhere)
