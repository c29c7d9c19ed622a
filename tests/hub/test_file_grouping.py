from __future__ import annotations

import pytest

from garden.core.catalog import RemoteFile
from garden.hub.file_grouping import group_files


def _files(**sizes: int) -> list[RemoteFile]:
    return [RemoteFile(filename=name, size_bytes=size) for name, size in sizes.items()]


def test_models_come_first_and_the_largest_first() -> None:
    groups = group_files(
        _files(
            **{
                "README.md": 1,
                "m-Q4_K_M.gguf": 40,
                "mmproj-m-f16.gguf": 99,
                "m-Q8_0.gguf": 80,
                "m.imatrix": 3,
                "model.safetensors": 200,
            }
        )
    )
    assert [(group.filename, group.kind, group.quant_type) for group in groups] == [
        ("m-Q8_0.gguf", "model", "Q8_0"),
        ("m-Q4_K_M.gguf", "model", "Q4_K_M"),
        ("mmproj-m-f16.gguf", "projector", "F16"),
        ("m.imatrix", "imatrix", None),
    ]


def test_a_sharded_set_is_one_thing() -> None:
    shards = {f"Q4_K_M/m-Q4_K_M-{index:05d}-of-00003.gguf": 10 + index for index in (2, 1, 3)}
    (group,) = group_files(_files(**shards))
    assert group.filename == "Q4_K_M/m-Q4_K_M-00001-of-00003.gguf"
    assert [file.size_bytes for file in group.files] == [11, 12, 13]
    assert (group.size_bytes, group.kind, group.quant_type) == (36, "model", "Q4_K_M")


@pytest.mark.parametrize("present", [(1, 3), (1, 2, 4), (0, 1, 2)])
def test_a_set_with_holes_is_no_model(present: tuple[int, ...]) -> None:
    (group,) = group_files(_files(**{f"m-{index:05d}-of-00003.gguf": 1 for index in present}))
    assert group.kind == "other"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("mmproj-model-f16.gguf", "projector"),
        ("model.mmproj-Q8_0.gguf", "projector"),
        ("gemma-3-4b-it-mmproj.gguf", "projector"),
        ("imatrix.dat", "imatrix"),
        ("Qwen3-8B-imatrix.gguf", "imatrix"),
        ("imatrix_unsloth.gguf", "imatrix"),
        ("model-imatrix-Q4_K_M.gguf", "model"),
        ("sql-lora.gguf", "other"),
        ("exploration.gguf", "model"),
        ("Model.GGUF", "model"),
    ],
)
def test_kinds_by_name(name: str, kind: str) -> None:
    (group,) = group_files(_files(**{name: 1}))
    assert group.kind == kind
