from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garden.core.errors import HubError
from garden.hub.wire import clean, decode, model_summary, remote_files, weight_formats

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
_FIELDS = (
    "id", "modelId", "tags", "gguf", "safetensors", "cardData", "siblings", "downloads", "likes", "gated",
    "baseModels", "lastModified", "pipeline_tag",
)  # fmt: skip


def test_a_row_as_the_hub_sends_it() -> None:
    row = model_summary(
        {
            "id": "bartowski/Qwen3-8B-GGUF",
            "downloads": 184_000,
            "likes": 312,
            "gated": False,
            "pipeline_tag": "text-generation",
            "lastModified": "2026-05-02T10:00:00.000Z",
            "tags": ["gguf", "license:apache-2.0", "base_model:Qwen/Qwen3-8B", "base_model:quantized:Qwen/Qwen3-8B"],
            "gguf": {"total": 8_190_735_360, "architecture": "qwen3", "context_length": 40_960},
            "siblings": [{"rfilename": "Qwen3-8B-Q4_K_M.gguf"}, {"rfilename": "README.md"}],
        }
    )
    assert row is not None
    assert (row.author, row.name, row.license) == ("bartowski", "Qwen3-8B-GGUF", "apache-2.0")
    assert (row.parameters, row.architecture, row.context_length) == (8_190_735_360, "qwen3", 40_960)
    assert (row.downloads, row.likes, row.gated, row.has_gguf) == (184_000, 312, False, True)
    assert row.base_models == ("Qwen/Qwen3-8B",)
    assert row.filenames == ("Qwen3-8B-Q4_K_M.gguf", "README.md")


@pytest.mark.parametrize("gated", ["auto", "manual", True])
def test_every_kind_of_gate_is_one(gated: object) -> None:
    row = model_summary({"id": "a/b", "gated": gated})
    assert row is not None and row.gated


def test_a_licence_of_its_own_has_its_own_name() -> None:
    row = model_summary({"id": "a/b", "tags": ["license:other"], "cardData": {"license_name": "falcon-mamba"}})
    assert row is not None and row.license == "falcon-mamba"


def test_unknown_figures_are_none() -> None:
    row = model_summary({"id": "a/b"})
    assert row is not None
    assert (row.downloads, row.likes, row.parameters, row.context_length, row.license) == (None,) * 5


def test_base_models_as_the_list_expands_them() -> None:
    row = model_summary(
        {"id": "a/b", "baseModels": {"relation": "quantized", "models": [{"id": "c/d"}, {"id": "../x"}]}}
    )
    assert row is not None and row.base_models == ("c/d",)


def test_strings_are_cleaned_cut_and_counted() -> None:
    assert clean("a\u202eb\x00c\nd", 50) == "a b c d"
    assert clean("x" * 500, 10) == "x" * 10
    assert clean(7, 10) is None
    row = model_summary({"id": "a/b", "tags": ["t" * 500] * 5000, "pipeline_tag": "p" * 5000})
    assert row is not None
    assert len(row.tags) == 200 and len(row.tags[0]) == 100 and len(row.pipeline_tag or "") == 100


def test_files_with_names_or_sizes_that_cannot_be_are_left_out() -> None:
    good = {"rfilename": "a.gguf", "size": 5, "lfs": {"sha256": "0" * 64, "size": 5}}
    bad = [
        {"rfilename": "../a.gguf", "size": 5}, {"rfilename": "CON", "size": 5}, {"rfilename": "b.gguf"},
        {"rfilename": "c.gguf", "size": -1}, {"rfilename": "d.gguf", "size": True}, {"rfilename": 7, "size": 1}, None,
    ]  # fmt: skip
    files = remote_files([*bad, good])
    assert [(file.filename, file.size_bytes, file.sha256) for file in files] == [("a.gguf", 5, "0" * 64)]


def test_a_small_file_has_a_git_hash() -> None:
    (file,) = remote_files([{"rfilename": "README.md", "size": 5, "blobId": "a" * 40}])
    assert (file.sha256, file.git_sha1) == (None, "a" * 40)


def test_formats_of_weights() -> None:
    assert weight_formats(["a.gguf", "b.SAFETENSORS", "c.bin", "README.md"]) == ("gguf", "safetensors", "pickle")


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000])
def test_what_is_no_json_is_told_in_one_sentence(body: bytes) -> None:
    with pytest.raises(HubError, match="does not answer as a Hub does"):
        decode(body, "hub.example")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(_FIELDS, _JSON)))
def test_no_document_breaks_a_row(document: dict[str, object]) -> None:
    assert model_summary(decode(json.dumps({**document, "id": "a/b"}).encode(), "h")) is not None
    model_summary(document)
