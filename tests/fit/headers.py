"""Headers of well-known models, built from their published shapes, and machines to forecast them on."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from garden.core.hardware_snapshot import Cpu, Gpu, HardwareSnapshot
from garden.core.paths import resource_path
from garden.gguf.header import GgufHeader, TensorInfo, Value
from garden.gguf.tensor_type import TENSOR_TYPES
from tests.hubserver import gguf_header
from tests.hubserver.mixture import MIXTURES, stored_tensors
from tests.hubserver.shapes import Model

GIB = 1024**3
MIB = 1024**2

_CPU = Cpu(name="Example", physical_cores=8, threads=16, features=("avx2", "avx512"))


@functools.cache
def published_items() -> dict[str, dict[str, Any]]:
    """The catalogue's entries by repository."""
    items = json.loads(resource_path("catalogue/models.json").read_bytes())["items"]
    return {item["repo_id"]: item for item in items}


@functools.cache
def published(repo_id: str, quant_type: str = "Q4_K_M") -> GgufHeader:
    """The header that a file of this model has, tensor by tensor."""
    model = Model(published_items()[repo_id])
    mixture = MIXTURES["MXFP4" if model.architecture == "gpt-oss" else quant_type]
    tensors = tuple(
        TensorInfo(
            name=item.tensor.name,
            shape=item.tensor.shape,
            ggml_type=TENSOR_TYPES[item.ggml_type].name,
            offset=item.offset,
            size_bytes=item.size_bytes,
        )
        for item in stored_tensors(model, mixture)
    )
    return header(model.architecture, _metadata(model), tensors)


def _metadata(model: Model) -> dict[str, Value]:
    metadata: dict[str, Value] = {}
    for key, field in gguf_header._INTEGERS.items():
        value = model.item.get(field)
        if isinstance(value, int) and not (value == 0 and field in gguf_header._LEFT_OUT_WHEN_ZERO):
            metadata[key] = value
    heads = model.item["head_count_kv"]
    metadata["attention.head_count_kv"] = tuple(heads) if isinstance(heads, list) else heads
    if model.nextn_predict_layers:
        metadata["nextn_predict_layers"] = model.nextn_predict_layers
    return metadata


def header(
    architecture: str, metadata: Mapping[str, Value], tensors: Sequence[TensorInfo] = (), **more: Value
) -> GgufHeader:
    """A header; keys of ``metadata`` stand below the architecture's name, ``more`` as they are (``__`` for a dot)."""
    full: dict[str, Value] = {"general.architecture": architecture}
    full |= {f"{architecture}.{key}": value for key, value in metadata.items()}
    full |= {key.replace("__", "."): value for key, value in more.items()}
    return GgufHeader(
        version=3,
        alignment=32,
        metadata=full,
        tensors=tuple(tensors),
        header_bytes=4_096,
        data_bytes=sum(tensor.size_bytes for tensor in tensors),
    )


def tensor(name: str, *shape: int, ggml_type: str = "F16") -> TensorInfo:
    """A tensor; only name, shape and size matter here."""
    kind = next(kind for kind in TENSOR_TYPES.values() if kind.name == ggml_type)
    elements = 1
    for dimension in shape:
        elements *= dimension
    size = elements // kind.block_size * kind.block_bytes
    return TensorInfo(name=name, shape=shape, ggml_type=ggml_type, offset=0, size_bytes=size)


def machine(ram_gib: float, *gpus: Gpu, total_gib: float | None = None) -> HardwareSnapshot:
    """A machine with so much RAM free."""
    return HardwareSnapshot(
        ram_total_bytes=round((total_gib or ram_gib) * GIB),
        ram_available_bytes=round(ram_gib * GIB),
        cpu=_CPU,
        gpus=gpus,
    )


def gpu(gib: float, *, free_gib: float | None = None, unified: bool = False, device: str | None = "CUDA0") -> Gpu:
    """A GPU of this size."""
    return Gpu(
        name=f"Example {device}",
        vendor="other",
        memory_total_bytes=round(gib * GIB),
        memory_free_bytes=round((gib if free_gib is None else free_gib) * GIB),
        unified=unified,
        device=device,
    )
