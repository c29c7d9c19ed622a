from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from garden.core.fit_forecast import Verdict
from garden.core.quantity import GIB
from garden.core.run_configuration import LoadParameters
from garden.fit.estimator import forecast
from garden.fit.projector import Projector, projector_of, with_projector
from garden.gguf.byte_source import FileSource
from garden.gguf.header import GgufHeader, read_header
from tests.fit.headers import gpu, machine, published
from tests.fit.projector_files import FAMILIES, write_projector
from tests.gguf.gguf_bytes import BytesSource, llama_file

LOAD = LoadParameters(context_length=8_192)
IMAGES = Projector(weights_bytes=GIB * 3 // 4, compute_bytes=GIB // 4, images=True, sound=False)


def header_of(path: Path) -> GgufHeader:
    with FileSource(path) as source:
        return read_header(source)


@pytest.mark.engine
@pytest.mark.skipif(sys.platform != "linux", reason="reads a map of libstdc++")
def test_the_engine_takes_as_much(tmp_path: Path) -> None:
    paths = {family: write_projector(tmp_path / f"{number}.gguf", family) for number, family in enumerate(FAMILIES)}
    command = [sys.executable, "-m", "tests.fit.projector_child", *map(str, paths.values())]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    held = json.loads(done.stdout)

    errors = {}
    for family, path in paths.items():
        projector = projector_of(header_of(path))
        assert projector is not None
        errors[family] = projector.total_bytes / held[str(path)] - 1
    assert max(map(abs, errors.values())) < 0.05, errors
    assert sum(abs(error) < 0.002 for error in errors.values()) >= 3, errors


def test_the_weights_are_those_of_the_file(tmp_path: Path) -> None:
    header = header_of(write_projector(tmp_path / "mmproj-F16.gguf", "Gemma 3"))
    projector = projector_of(header)

    assert projector is not None
    assert projector.weights_bytes == sum(tensor.size_bytes for tensor in header.tensors)
    # 4,096 patches, each a row of the feed-forward and three of the width.
    assert projector.compute_bytes == 4 * 4_096 * (4_304 + 3 * 1_152)
    assert projector.reads == "Images"


def test_a_language_model_is_no_projector() -> None:
    assert projector_of(read_header(BytesSource(llama_file()))) is None


@pytest.mark.parametrize(
    ("flags", "reads"),
    [((True, False), "Images"), ((False, True), "Sound"), ((True, True), "Images and sound"), ((None, None), "Images")],
)
def test_what_it_reads_is_what_the_file_says(
    tmp_path: Path, flags: tuple[bool | None, bool | None], reads: str
) -> None:
    header = header_of(write_projector(tmp_path / "m.gguf", "SmolVLM"))
    keys = {f"clip.has_{name}_encoder": flag for name, flag in zip(("vision", "audio"), flags, strict=True)}
    stated = {key: flag for key, flag in keys.items() if flag is not None}
    others = {key: value for key, value in header.metadata.items() if key not in keys}
    projector = projector_of(dataclasses.replace(header, metadata={**others, **stated}))

    assert projector is not None
    assert projector.reads == reads


@pytest.mark.parametrize("value", [0, -1, 2**63, 2**31, True, "many", 0.5])
@pytest.mark.parametrize("key", ["image_size", "patch_size", "embedding_length", "spatial_merge_size", "n_wa_pattern"])
def test_numbers_that_make_no_sense_get_a_figure(tmp_path: Path, key: str, value: int | str | float) -> None:
    for family in ("Gemma 3", "Pixtral"):
        header = header_of(write_projector(tmp_path / "m.gguf", family))
        odd = dataclasses.replace(header, metadata={**header.metadata, f"clip.vision.{key}": value})
        projector = projector_of(odd)

        assert projector is not None
        assert 0 <= projector.compute_bytes < 2**63


def test_what_images_take_is_told_beside_the_total() -> None:
    alone = forecast(published("Qwen/Qwen3-8B"), LOAD, machine(16))
    both = with_projector(alone, IMAGES)

    assert both.total_bytes == alone.total_bytes
    assert both.projector_bytes == GIB
    assert both.reason == f"{alone.reason} Images take 1.0 GiB more, which is free as well."


def test_what_is_not_free_is_told() -> None:
    tight = with_projector(forecast(published("Qwen/Qwen3-8B"), LOAD, machine(7)), IMAGES)
    on_gpu = with_projector(forecast(published("Qwen/Qwen3-8B"), LOAD, machine(32, gpu(24))), IMAGES)

    assert tight.verdict in (Verdict.FITS, Verdict.TIGHT)
    assert tight.reason.endswith("Images take 1.0 GiB more, which is not free.")
    assert on_gpu.reason.endswith("which is free as well.")


def test_a_model_that_does_not_fit_has_the_figure_alone() -> None:
    sound = dataclasses.replace(IMAGES, images=False, sound=True)
    result = with_projector(forecast(published("Qwen/Qwen3-8B"), LOAD, machine(2)), sound)

    assert result.verdict is Verdict.TOO_LARGE
    assert result.reason.endswith("Sound takes 1.0 GiB more.")


def test_without_a_projector_nothing_is_added() -> None:
    alone = forecast(published("Qwen/Qwen3-8B"), LOAD, machine(16))

    assert with_projector(alone, None) is alone
