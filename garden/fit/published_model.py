"""Well-known models by their published shapes: enough of a header to forecast a file that nobody has fetched."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from garden.core.errors import InvalidFileError
from garden.gguf.header import GgufHeader, TensorInfo, Value
from garden.gguf.quant_name import quant_type_named

#: GGUF key below the architecture's name: field of the catalogue.
_KEYS = {
    "block_count": "block_count",
    "context_length": "context_length",
    "embedding_length": "embedding_length",
    "feed_forward_length": "feed_forward_length",
    "vocab_size": "vocab_size",
    "attention.head_count": "head_count",
    "attention.head_count_kv": "head_count_kv",
    "attention.key_length": "key_length",
    "attention.value_length": "value_length",
    "attention.sliding_window": "sliding_window",
    "attention.sliding_window_pattern": "sliding_window_pattern",
    "attention.q_lora_rank": "q_lora_rank",
    "attention.kv_lora_rank": "kv_lora_rank",
    "attention.key_length_mla": "key_length_mla",
    "attention.value_length_mla": "value_length_mla",
    "rope.dimension_count": "rope_dimension_count",
    "expert_count": "expert_count",
    "expert_used_count": "expert_used_count",
    "expert_feed_forward_length": "expert_feed_forward_length",
    "expert_shared_feed_forward_length": "expert_shared_feed_forward_length",
    "leading_dense_block_count": "leading_dense_block_count",
    "ssm.conv_kernel": "ssm_conv_kernel",
    "ssm.inner_size": "ssm_inner_size",
    "ssm.state_size": "ssm_state_size",
    "ssm.time_step_rank": "ssm_time_step_rank",
    "ssm.group_count": "ssm_group_count",
}

_ALIGNMENT = 32

#: Values that one block of a K type holds; rows of another length take a larger type.
_BLOCK = 256

#: Bits per weight of the output matrix in files of less than so many; the published bits of types are of a model with
#: so many values, of which so many in the output matrix.
_HEAD_BITS, _MEASURED_ON, _MEASURED_HEAD = 6.5625, 8_030_261_248, 525_336_576

_BESIDE_EXPERTS_BITS = 8.5

#: Bits per weight of what the engine takes instead for rows that are no multiple of a block, by how the type begins.
_UNEVEN = {"Q2_K": 4.5, "Q3_K": 4.5, "Q4_K": 5.5, "Q5_K": 6.0, "Q6_K": 8.5, "IQ": 4.5, "TQ": 4.5}


class _Shape(msgspec.Struct, frozen=True):
    name: str
    repo_id: str
    license: str
    architecture: str
    block_count: int
    embedding_length: int
    vocab_size: int
    tied_embeddings: bool
    computed_parameters: dict[str, int | float | str | None]
    context_length: int | None = None
    active_parameters: int | None = None
    expert_count: int | None = None
    expert_feed_forward_length: int | None = None
    leading_dense_block_count: int | None = None


class _Catalogue(msgspec.Struct, frozen=True):
    items: list[msgspec.Raw]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedModel:
    """A model of the catalogue.

    Attributes:
        name: For people, e.g. ``Qwen3 8B``.
        repo_id: The publisher's repository of the original weights.
        license: The Hub's licence id.
        parameters: Of the language model, counted tensor by tensor from the shape.
        active_parameters: Per token as published, None for a dense model.
        architecture: GGUF's word.
        context_length: Trained context, None when not stated.
        shape: All keys as GGUF names them.
        tied_embeddings: Whether the output matrix is the embedding.
    """

    name: str
    repo_id: str
    license: str
    parameters: int
    active_parameters: int | None
    architecture: str
    context_length: int | None
    shape: Mapping[str, Value]
    tied_embeddings: bool

    def file_bytes(self, quant_type: str) -> int:
        """Rough size of a file of this type, see ``weight_bytes``; within some percent."""
        if quant_type_named(quant_type) is None:
            raise ValueError(f"{quant_type} is not a quantization type")
        # A size between published ones, which is nobody's repository, has a width of no meaning.
        even = not self.repo_id or self._number("embedding_length") % _BLOCK == 0
        return weight_bytes(self.parameters, self.head_parameters, quant_type, even=even)

    @property
    def head_parameters(self) -> int:
        """Values of the output matrix, which is the embedding where that is tied."""
        return self._number("embedding_length") * self._number("vocab_size")

    @property
    def is_mixture(self) -> bool:
        """Whether it has routed experts."""
        return self._number("expert_count") > 0

    @property
    def groups_heads(self) -> bool:
        """Whether several heads share one of the cache, or something else keeps it small."""
        kept, heads = (
            self.shape.get(f"{self.architecture}.attention.{key}") for key in ("head_count_kv", "head_count")
        )
        return kept != heads or f"{self.architecture}.attention.kv_lora_rank" in self.shape

    def header(self, quant_type: str) -> GgufHeader:
        """A header for forecasts: true shape, one tensor per block that stands for all of the block's weights.

        Weights are shared out over the blocks evenly and by one number of bits per weight, so the sum is as good as
        ``file_bytes`` and the cache is exact.
        """
        bits = 8 * self.file_bytes(quant_type) / self.parameters
        tensors: list[TensorInfo] = []
        offset = 0
        for name, shape in self._tensors():
            size_bytes = math.ceil(math.prod(shape) * bits / 8)
            tensors.append(
                TensorInfo(name=name, shape=shape, ggml_type=quant_type, offset=offset, size_bytes=size_bytes)
            )
            offset += -(-size_bytes // _ALIGNMENT) * _ALIGNMENT
        metadata: dict[str, Value] = {"general.architecture": self.architecture, "general.name": self.name}
        metadata |= self.shape
        return GgufHeader(
            version=3,
            alignment=_ALIGNMENT,
            metadata=metadata,
            tensors=tuple(tensors),
            header_bytes=0,
            data_bytes=offset,
        )

    def _tensors(self) -> list[tuple[str, tuple[int, ...]]]:
        width, vocabulary, blocks = (self._number(key) for key in ("embedding_length", "vocab_size", "block_count"))
        named: list[tuple[str, tuple[int, ...]]] = [("token_embd.weight", (width, vocabulary))]
        rest = self.parameters - width * vocabulary * (1 if self.tied_embeddings else 2)
        experts = self._experts_per_block()
        dense_first = self._number("leading_dense_block_count")
        with_experts = blocks - dense_first if experts else 0
        others = max(1, (rest - with_experts * experts) // blocks)
        for block in range(blocks):
            named.append((f"blk.{block}.ffn_down.weight", (1, others)))
            if experts and block >= dense_first:
                named.append((f"blk.{block}.ffn_up_exps.weight", (width, experts // width)))
        if not self.tied_embeddings:
            named.append(("output.weight", (width, vocabulary)))
        return named

    def _experts_per_block(self) -> int:
        width, count, hidden = (
            self._number(key) for key in ("embedding_length", "expert_count", "expert_feed_forward_length")
        )
        return 3 * width * hidden * count

    def _number(self, key: str) -> int:
        value = self.shape.get(f"{self.architecture}.{key}", 0)
        return value if isinstance(value, int) else 0


def weight_bytes(parameters: int, head: int, quant_type: str, *, even: bool = True) -> int:
    """Rough size of a file's weights: the output matrix in 6 bits, all else in the type's own.

    The bits per weight that are published of a type are of a model whose output matrix is 7 % of it; where it is 1 %,
    as in a large mixture of experts, or 30 %, as in a small model of many words, they are off by up to 40 %.

    Args:
        parameters: In total, > 0.
        head: Of those in the output matrix, from 0 to ``parameters``.
        quant_type: An unknown one counts as F16.
        even: Whether rows are a multiple of 256, as the K types want.
    """
    quant = quant_type_named(quant_type)
    bits = quant.bits_per_weight if quant else 16.0
    if quant is not None and quant.name == "MXFP4_MOE":
        # Experts alone are in 4 bits; embedding and output matrix are most of the rest.
        beside = min(2 * head, parameters)
        return round(((parameters - beside) * bits + beside * _BESIDE_EXPERTS_BITS) / 8)
    least = 0.0 if even else max((wide for name, wide in _UNEVEN.items() if quant_type.startswith(name)), default=0.0)
    if bits >= _HEAD_BITS - 0.01:
        return round(parameters * max(bits, least) / 8)
    body = (bits * _MEASURED_ON - _HEAD_BITS * _MEASURED_HEAD) / (_MEASURED_ON - _MEASURED_HEAD)
    return round(((parameters - head) * max(body, least) + head * _HEAD_BITS) / 8)


def published_models(document: bytes) -> tuple[PublishedModel, ...]:
    """The models of the catalogue's file, in its order.

    Raises:
        InvalidFileError: It is not the catalogue.
    """
    try:
        items = msgspec.json.decode(document, type=_Catalogue).items
        return tuple(_model(item) for item in items)
    except msgspec.DecodeError as error:
        raise InvalidFileError(
            "The catalogue of example models is damaged.", "Install Garden again.", str(error)
        ) from error


def _model(item: msgspec.Raw) -> PublishedModel:
    shape = msgspec.json.decode(item, type=_Shape)
    fields: dict[str, object] = msgspec.json.decode(item)
    counted = shape.computed_parameters.get("value")
    if not isinstance(counted, int):
        raise msgspec.ValidationError(f"{shape.name} has no count of parameters")
    metadata: dict[str, Value] = {}
    for key, field in _KEYS.items():
        value = fields.get(field)
        if isinstance(value, list):
            metadata[f"{shape.architecture}.{key}"] = tuple(value)
        elif isinstance(value, int):
            metadata[f"{shape.architecture}.{key}"] = value
    return PublishedModel(
        name=shape.name,
        repo_id=shape.repo_id,
        license=shape.license,
        parameters=counted,
        active_parameters=shape.active_parameters,
        architecture=shape.architecture,
        context_length=shape.context_length,
        shape=metadata,
        tied_embeddings=shape.tied_embeddings,
    )
