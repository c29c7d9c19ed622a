"""The resident set of a model's process: buffers in RAM, vocabulary, the process itself, copies of mapped weights.

Measured on SmolLM2 (Q4_1, Q8_0, F16, Q4_0, Q4_K_M) at contexts of 2,048 and 8,192, f16 and q8_0 caches, read and
mapped, prompts of 40 to 4,000 tokens: within 2.2 % of what the worker came to, 0.7 % on average. Without fused
attention it is up to 3.2 % too high, since the scores of a context that is not full stay untouched in part.
"""

from __future__ import annotations

import re

from garden.core.fit_forecast import FitForecast
from garden.core.residency import ResidentForecast
from garden.core.run_configuration import LoadParameters
from garden.fit.devices import PROCESS_BYTES
from garden.fit.kv_cache import graph_tokens, padded, ubatch_of
from garden.fit.model_shape import shape_of
from garden.fit.vocabulary import vocabulary_bytes
from garden.fit.weights import repacked_types
from garden.gguf.header import GgufHeader

#: The engine keeps room for eight nodes a tensor in each of two graphs; 2,703 tensors took 22 MiB.
_BYTES_PER_TENSOR = 8_400

_MATRIX = re.compile(r"blk\.\d+\..+\.weight|output\.weight")

#: ``repack.cpp`` takes eight rows at once.
_ROWS = 8


def resident_forecast(
    header: GgufHeader,
    load: LoadParameters,
    forecast: FitForecast,
    cpu_features: tuple[str, ...] = (),
    process_bytes: int = PROCESS_BYTES,
) -> ResidentForecast | None:
    """Forecast it from the forecast of the buffers; None when that has no figures.

    Args:
        header: Of the model.
        load: How it is loaded.
        forecast: Of its buffers, for the same load.
        cpu_features: Instruction sets; they decide what is rearranged.
        process_bytes: The process without a model.
    """
    ram = next((device for device in forecast.devices if device.kind == "ram"), None)
    if ram is None or forecast.total_bytes is None:
        return None
    attends = bool(forecast.kv_cache_bytes)
    return ResidentForecast(
        process_bytes=process_bytes,
        vocabulary_bytes=vocabulary_bytes(header),
        graph_bytes=_BYTES_PER_TENSOR * len(header.tensors),
        held_bytes=ram.weights_bytes + ram.kv_cache_bytes,
        repacked_bytes=repacked_bytes(header, load, cpu_features, forecast.n_gpu_layers or 0),
        compute_bytes=ram.compute_bytes,
        # ``build_inp_embd`` makes an input for tokens, and one for embeddings.
        unwritten_bytes=min(ram.compute_bytes, 4 * shape_of(header).input_width * graph_tokens(load)),
        mask_bytes_per_token=ubatch_of(load) * (4 if load.flash_attention == "off" else 2) if attends else 0,
        context_length=padded(load.context_length),
        batch_tokens=ubatch_of(load),
    )


def repacked_bytes(
    header: GgufHeader, load: LoadParameters, cpu_features: tuple[str, ...], n_gpu_layers: int = 0
) -> int:
    """Second copies that the CPU backend makes of mapped weights; 0 when they are read, since then it holds one.

    Args:
        header: Of the model.
        load: How it is loaded.
        cpu_features: Instruction sets.
        n_gpu_layers: Layers that are not in RAM, counted from the last one.
    """
    if load.load_mode != "mmap" or not load.repack:
        return 0
    types = repacked_types(cpu_features)
    first_on_gpu = (header.block_count or 0) + 1 - n_gpu_layers
    return sum(
        tensor.size_bytes
        for tensor in header.tensors
        if tensor.ggml_type in types
        and _MATRIX.fullmatch(tensor.name)
        and len(tensor.shape) >= 2
        and tensor.shape[1] % _ROWS == 0
        and _layer(tensor.name, header) < first_on_gpu
    )


def _layer(name: str, header: GgufHeader) -> int:
    return int(name.split(".")[1]) if name.startswith("blk.") else header.block_count or 0
