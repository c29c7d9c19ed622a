from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from garden.services.other_programs.ollama import ollama_models
from tests.services.other_programs.store_files import ADAPTER, MODEL, PROJECTOR, ollama_blob, ollama_manifest


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "models"


def test_nothing_is_found_where_nothing_is(store: Path) -> None:
    assert ollama_models(store) == ()


def test_a_manifest_names_the_model_and_what_is_loaded_with_it(store: Path) -> None:
    model, eyes, more = (ollama_blob(store, content) for content in (b"GGUF weights", b"GGUF eyes", b"GGUF adapter"))
    ollama_manifest(
        store,
        (MODEL, model),
        ("application/vnd.ollama.image.template", "sha256:" + "0" * 64),
        (ADAPTER, more),
        (PROJECTOR, eyes),
        name=("registry.ollama.ai", "library", "llama3.1", "8b"),
    )

    (found,) = ollama_models(store)

    assert (found.program, found.name, found.publisher) == ("ollama", "llama3.1:8b", "library")
    assert found.path == (store / "blobs" / model.replace(":", "-")).resolve()
    assert found.sha256 == model.removeprefix("sha256:")
    assert [path.read_bytes() for path in found.beside] == [b"GGUF eyes", b"GGUF adapter"]


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("registry.ollama.ai", "library", "qwen3", "latest"), "qwen3:latest"),
        (("registry.ollama.ai", "someone", "mine", "q4"), "someone/mine:q4"),
        (("hf.co", "owner", "Repo-GGUF", "Q4_K_M"), "hf.co/owner/Repo-GGUF:Q4_K_M"),
        (("localhost:5000", "a", "b", "c"), "localhost:5000/a/b:c"),
    ],
)
def test_names_are_those_that_ollama_shows(store: Path, parts: tuple[str, str, str, str], name: str) -> None:
    ollama_manifest(store, (MODEL, ollama_blob(store, b"GGUF")), name=parts)

    assert [found.name for found in ollama_models(store)] == [name]


def test_a_blob_of_two_names_is_one_model(store: Path) -> None:
    digest = ollama_blob(store, b"GGUF")
    for tag in ("3b", "latest"):
        ollama_manifest(store, (MODEL, digest), name=("registry.ollama.ai", "library", "llama3.2", tag))

    (found,) = ollama_models(store)

    assert (found.name, found.also) == ("llama3.2:3b", ("llama3.2:latest",))


@pytest.mark.parametrize(
    "digest",
    [
        "sha256:../../../outside",
        "sha256:" + "../" * 20 + "etc/passwd",
        "sha256-" + "a" * 64,
        "sha256:" + "A" * 64,
        "sha256:" + "a" * 63,
        "sha256:" + "a" * 64 + "/../../../outside",
        "sha256:" + "a" * 64 + "\n",
        "/etc/passwd",
        "",
        "md5:" + "a" * 32,
    ],
)
def test_a_digest_that_is_none_leads_nowhere(store: Path, digest: str) -> None:
    (store.parent / "outside").write_bytes(b"GGUF secret")
    (store / "blobs").mkdir(parents=True)
    ollama_manifest(store, (MODEL, digest))

    assert ollama_models(store) == ()


def test_a_blob_that_is_a_link_out_of_the_store_is_passed_over(store: Path) -> None:
    secret = store.parent / "secret"
    secret.write_bytes(b"GGUF secret")
    (store / "blobs").mkdir(parents=True)
    (store / "blobs" / f"sha256-{'a' * 64}").symlink_to(secret)
    ollama_manifest(store, (MODEL, "sha256:" + "a" * 64))

    assert ollama_models(store) == ()


def test_a_manifest_that_is_a_link_out_of_the_store_is_not_read(store: Path) -> None:
    digest = ollama_blob(store, b"GGUF")
    elsewhere = ollama_manifest(store.parent / "other", (MODEL, digest))
    manifest = ollama_manifest(store, (MODEL, digest))
    manifest.unlink()
    manifest.symlink_to(elsewhere)

    assert ollama_models(store) == ()


def test_a_store_behind_a_link_is_read(store: Path, tmp_path: Path) -> None:
    ollama_manifest(store, (MODEL, ollama_blob(store, b"GGUF")))
    (tmp_path / "link").symlink_to(store)

    assert [found.name for found in ollama_models(tmp_path / "link")] == ["tiny:latest"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"layers": 7}',
        b'{"layers": [7]}',
        b'{"layers": [{"mediaType": 1, "digest": []}]}',
        b"[" * 100_000,
        b'{"layers": ' + b"[" * 100_000,
        b"\xff\xfe\x00",
        b'{"layers": []}' + b" " * (300 * 1024),
        json.dumps({"layers": [{"mediaType": MODEL, "digest": "sha256:" + "b" * 64}] * 3_000}).encode(),
    ],
    ids=range(12),
)
def test_a_damaged_manifest_is_passed_over_and_takes_no_other_with_it(store: Path, content: bytes) -> None:
    ollama_manifest(store, (MODEL, ollama_blob(store, b"GGUF")))
    (store / "manifests/registry.ollama.ai/library/tiny/broken").write_bytes(content)

    assert [found.name for found in ollama_models(store)] == ["tiny:latest"]


def test_a_manifest_larger_than_any_is_not_read_whole(store: Path) -> None:
    manifest = ollama_manifest(store, (MODEL, ollama_blob(store, b"GGUF")))
    with manifest.open("r+b") as stream:
        stream.truncate(2**40)

    assert ollama_models(store) == ()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_a_pipe_in_the_place_of_a_manifest_or_a_blob_holds_nobody_up(store: Path) -> None:
    manifest = ollama_manifest(store, (MODEL, "sha256:" + "c" * 64))
    os.mkfifo(manifest.parent / "pipe")
    (store / "blobs").mkdir()
    os.mkfifo(store / "blobs" / f"sha256-{'c' * 64}")

    assert ollama_models(store) == ()


@pytest.mark.parametrize("name", ["evil\nname", "a b", "\u202egpj", "-rf", "x" * 200])
def test_names_that_ollama_does_not_allow_are_passed_over(store: Path, name: str) -> None:
    ollama_manifest(store, (MODEL, ollama_blob(store, b"GGUF")), name=("registry.ollama.ai", "library", name, "latest"))

    assert ollama_models(store) == ()


def test_several_model_layers_are_not_one_file(store: Path) -> None:
    ollama_manifest(store, (MODEL, ollama_blob(store, b"GGUF 1")), (MODEL, ollama_blob(store, b"GGUF 2")))

    assert ollama_models(store) == ()
