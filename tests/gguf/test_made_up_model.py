from __future__ import annotations

from pathlib import Path

import pytest

from garden.core.errors import DiskFullError
from garden.fit import trial_models
from garden.gguf.byte_source import FileSource
from garden.gguf.filled_file import write_filled_file
from garden.gguf.header import GgufHeader, TensorInfo, read_header
from garden.gguf.made_up_model import Experts, MadeUpModel

SMALL = MadeUpModel(width=256, feed_forward=512, heads=4, kv_heads=2, blocks=2, vocabulary=96, weights="Q4_0")

MODELS = {
    "dense": SMALL,
    "mixed": MadeUpModel(
        width=256, feed_forward=512, heads=4, kv_heads=4, blocks=2, vocabulary=96,
        weights="Q4_K", ffn_down="Q6_K", output="Q8_0",
    ),
    "wide at the end": MadeUpModel(
        width=256, feed_forward=512, heads=4, kv_heads=2, blocks=2, vocabulary=96, weights="Q8_0",
        last_feed_forward=1_024,
    ),
    "experts": MadeUpModel(
        width=256, feed_forward=512, heads=4, kv_heads=2, blocks=2, vocabulary=96, weights="Q4_K",
        experts=Experts(count=8, used=2, width=256),
    ),
}  # fmt: skip


def all_of(_tensor: TensorInfo) -> float:
    return 1.0


def written(header: GgufHeader, folder: Path) -> Path:
    path = folder / "made-up.gguf"
    write_filled_file(header, path, all_of)
    return path


@pytest.mark.parametrize("name", MODELS)
def test_a_written_file_says_what_its_model_is(name: str, tmp_path: Path) -> None:
    header = MODELS[name].header()
    with FileSource(written(header, tmp_path)) as source:
        read = read_header(source)

    assert [(t.name, t.shape, t.ggml_type) for t in read.tensors] == [
        (t.name, t.shape, t.ggml_type) for t in header.tensors
    ]
    for key, value in header.metadata.items():
        if isinstance(value, float):
            assert read.metadata[key] == pytest.approx(value)
        else:
            assert read.metadata[key] == value


def test_a_share_of_a_tensor_is_filled_and_the_rest_a_hole(tmp_path: Path) -> None:
    header = SMALL.header()
    path = tmp_path / "half.gguf"
    size = write_filled_file(header, path, lambda tensor: 0.5 if tensor.name == "output.weight" else 0.0)
    with FileSource(path) as source:
        read = read_header(source)
    data = path.read_bytes()[read.header_bytes :]
    output = next(tensor for tensor in read.tensors if tensor.name == "output.weight")
    weights = data[output.offset : output.offset + output.size_bytes]

    assert path.stat().st_size == size
    assert any(weights[: output.size_bytes // 2 - 18])
    assert not any(weights[output.size_bytes // 2 + 18 :])
    # Vectors of norms are ones, so that what comes before them is heard.
    norm = next(tensor for tensor in read.tensors if tensor.name == "output_norm.weight")
    assert data[norm.offset : norm.offset + 4] == b"\x00\x00\x80\x3f"


def test_a_cancel_leaves_the_rest_unwritten(tmp_path: Path) -> None:
    asked: list[str] = []

    def once() -> bool:
        asked.append("")
        return len(asked) > 1

    write_filled_file(SMALL.header(), tmp_path / "c.gguf", all_of, cancelled=once)

    assert len(asked) == 2


def test_where_nothing_can_be_written_one_sentence_says_so(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match="to measure with could not be written"):
        write_filled_file(SMALL.header(), tmp_path / "none" / "x.gguf", all_of)


@pytest.mark.parametrize("kind", trial_models.TYPES)
def test_weights_that_machines_are_measured_with_lie_in_no_cache(kind: str) -> None:
    cache = 48 * 1024**2
    header = trial_models.wide(kind, cache).header()
    read = sum(tensor.size_bytes for tensor in header.tensors if tensor.name != "token_embd.weight")

    assert 3 * cache <= read <= 400 * 1024**2
    assert all(tensor.shape[0] % 256 == 0 for tensor in header.tensors)
