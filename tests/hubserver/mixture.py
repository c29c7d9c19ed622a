"""Which tensor gets which type in a quantized file: llama.cpp's mixtures, near enough for sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, LlamaFileType

from tests.hubserver.shapes import Model, Tensor, tensors

_ALIGNMENT = 32

#: What a row takes whose length is no multiple of 256 (and of 32).
_FALLBACKS = {"Q2_K": "Q4_0", "Q3_K": "Q4_0", "IQ4_XS": "IQ4_NL", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}

#: Kept in full precision by every mixture.
_KEPT = ("_norm.weight", "ffn_gate_inp.weight", "ssm_conv1d.weight", "ssm_a", "ssm_d", ".bias", "attn_sinks.weight")


@dataclass(frozen=True)
class Mixture:
    """A whole-file type.

    Attributes:
        name: As in file names.
        ftype: Its number in ``general.file_type``.
        base: Type of most tensors.
        better: Type of some of ``attn_v`` and ``ffn_down``, None when they get the base.
        output: Type of the output matrix (of the embedding when tied).
    """

    name: str
    ftype: int
    base: str
    better: str | None = None
    output: str | None = None


MIXTURES = {
    mixture.name: mixture
    for mixture in (
        Mixture("BF16", LlamaFileType.MOSTLY_BF16, "BF16"),
        Mixture("F16", LlamaFileType.MOSTLY_F16, "F16"),
        Mixture("Q8_0", LlamaFileType.MOSTLY_Q8_0, "Q8_0"),
        Mixture("Q6_K", LlamaFileType.MOSTLY_Q6_K, "Q6_K"),
        Mixture("Q5_K_M", LlamaFileType.MOSTLY_Q5_K_M, "Q5_K", "Q6_K", "Q6_K"),
        Mixture("Q5_K_S", LlamaFileType.MOSTLY_Q5_K_S, "Q5_K", None, "Q6_K"),
        Mixture("Q4_K_M", LlamaFileType.MOSTLY_Q4_K_M, "Q4_K", "Q6_K", "Q6_K"),
        Mixture("Q4_K_S", LlamaFileType.MOSTLY_Q4_K_S, "Q4_K", None, "Q6_K"),
        Mixture("IQ4_XS", LlamaFileType.MOSTLY_IQ4_XS, "IQ4_XS", None, "Q6_K"),
        Mixture("Q4_0", LlamaFileType.MOSTLY_Q4_0, "Q4_0", None, "Q6_K"),
        Mixture("Q3_K_M", LlamaFileType.MOSTLY_Q3_K_M, "Q3_K", "Q4_K", "Q6_K"),
        Mixture("Q2_K", LlamaFileType.MOSTLY_Q2_K, "Q2_K", "Q3_K", "Q6_K"),
        # Experts in MXFP4, the rest in Q8_0, as these models are published.
        Mixture("MXFP4", 38, "Q8_0"),
    )
}


class StoredTensor(NamedTuple):
    """A tensor as a file stores it; ``offset`` counts from the start of the data."""

    tensor: Tensor
    ggml_type: int
    offset: int
    size_bytes: int


def stored_tensors(model: Model, mixture: Mixture) -> Iterator[StoredTensor]:
    """The tensors of a file of this type with their places."""
    offset = 0
    for tensor in tensors(model):
        ggml_type = GGMLQuantizationType[_type_of(tensor, model, mixture)]
        block, block_bytes = GGML_QUANT_SIZES[ggml_type]
        size = tensor.elements // block * block_bytes
        yield StoredTensor(tensor, int(ggml_type), offset, size)
        offset += -(-size // _ALIGNMENT) * _ALIGNMENT


def split(stored: list[StoredTensor], limit_bytes: int) -> list[list[StoredTensor]]:
    """The tensors shared out over files of at most ``limit_bytes``, offsets counted anew in each."""
    files: list[list[StoredTensor]] = [[]]
    offset = 0
    for item in stored:
        if files[-1] and offset + item.size_bytes > limit_bytes:
            files.append([])
            offset = 0
        files[-1].append(item._replace(offset=offset))
        offset += -(-item.size_bytes // _ALIGNMENT) * _ALIGNMENT
    return files


def _type_of(tensor: Tensor, model: Model, mixture: Mixture) -> str:
    if len(tensor.shape) == 1 or tensor.name.endswith(_KEPT):
        return "F32"
    chosen = mixture.base
    if mixture.name == "MXFP4" and "_exps.weight" in tensor.name:
        chosen = "MXFP4"
    elif mixture.output and _is_output(tensor, model):
        chosen = mixture.output
    elif mixture.better and _deserves_more(tensor, model.block_count):
        chosen = mixture.better
    row = tensor.shape[0]
    if GGML_QUANT_SIZES[GGMLQuantizationType[chosen]][0] == 256 and row % 256:
        chosen = _FALLBACKS.get(chosen, "Q8_0")
    if GGML_QUANT_SIZES[GGMLQuantizationType[chosen]][0] >= 32 and row % 32:
        chosen = "F16"
    return chosen


def _is_output(tensor: Tensor, model: Model) -> bool:
    return tensor.name == ("token_embd.weight" if model.tied_embeddings else "output.weight")


def _deserves_more(tensor: Tensor, layers: int) -> bool:
    if not any(part in tensor.name for part in ("attn_v.", "ffn_down", "attn_qkv.", "attn_v_b.")):
        return False
    layer = int(tensor.name.split(".")[1])
    edge = layers // 8
    return layer < edge or layer >= layers - edge or (layer - edge) % 3 == 2
