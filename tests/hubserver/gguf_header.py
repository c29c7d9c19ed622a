"""Real GGUF headers for models that exist here as shapes only."""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence

from gguf.constants import GGUF_MAGIC, GGUF_VERSION, GGUFValueType

from tests.hubserver.mixture import Mixture, StoredTensor
from tests.hubserver.shapes import Model

_ALIGNMENT = 32

#: No header made here is longer: the largest vocabulary takes about 13 MB.
MAX_HEADER_BYTES = 24 * 1024 * 1024

_SENTENCEPIECE = frozenset({"gemma2", "gemma3"})

_CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>\n{{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)

#: GGUF key below the architecture's name: field of the catalogue.
_INTEGERS = {
    "block_count": "block_count",
    "context_length": "context_length",
    "embedding_length": "embedding_length",
    "feed_forward_length": "feed_forward_length",
    "vocab_size": "vocab_size",
    "attention.head_count": "head_count",
    "attention.key_length": "key_length",
    "attention.value_length": "value_length",
    "attention.sliding_window": "sliding_window",
    "attention.q_lora_rank": "q_lora_rank",
    "attention.kv_lora_rank": "kv_lora_rank",
    "attention.key_length_mla": "key_length_mla",
    "attention.value_length_mla": "value_length_mla",
    "rope.dimension_count": "rope_dimension_count",
    "expert_count": "expert_count",
    "expert_used_count": "expert_used_count",
    "expert_shared_count": "expert_shared_count",
    "expert_feed_forward_length": "expert_feed_forward_length",
    "expert_shared_feed_forward_length": "expert_shared_feed_forward_length",
    "leading_dense_block_count": "leading_dense_block_count",
    "ssm.conv_kernel": "ssm_conv_kernel",
    "ssm.inner_size": "ssm_inner_size",
    "ssm.state_size": "ssm_state_size",
    "ssm.time_step_rank": "ssm_time_step_rank",
    "ssm.group_count": "ssm_group_count",
}

#: Written by converters where the publisher states none.
_MAMBA_CONTEXT = 2**20

#: Zero says "none" in the catalogue; these keys are left out of a file then.
_LEFT_OUT_WHEN_ZERO = frozenset({"expert_shared_count", "ssm.group_count"})


def header(model: Model, mixture: Mixture, stored: Sequence[StoredTensor], part: int, parts: int, total: int) -> bytes:
    """The header of a file, padded to where its data starts.

    Args:
        model: Shapes and names.
        mixture: Type of the file.
        stored: The tensors in this file.
        part: Index of this file in its set.
        parts: Files in the set, 1 for a single file.
        total: Tensors in the whole set.
    """
    pairs = _metadata(model, mixture) if part == 0 else []
    if parts > 1:
        pairs += [
            _pair("split.no", GGUFValueType.UINT16, struct.pack("<H", part)),
            _pair("split.count", GGUFValueType.UINT16, struct.pack("<H", parts)),
            _pair("split.tensors.count", GGUFValueType.INT32, struct.pack("<i", total)),
        ]
    start = struct.pack("<IIQQ", GGUF_MAGIC, GGUF_VERSION, len(stored), len(pairs))
    infos = b"".join(
        _text(item.tensor.name)
        + struct.pack(f"<I{len(item.tensor.shape)}Q", len(item.tensor.shape), *item.tensor.shape)
        + struct.pack("<IQ", item.ggml_type, item.offset)
        for item in stored
    )
    body = start + b"".join(pairs) + infos
    return body + bytes(-len(body) % _ALIGNMENT)


def _metadata(model: Model, mixture: Mixture) -> list[bytes]:
    family = model.architecture
    pairs = [
        _string("general.architecture", family),
        _string("general.type", "model"),
        _string("general.name", model.name),
        _string("general.license", model.license or "other"),
        _integer("general.quantization_version", 2),
        _integer("general.file_type", mixture.ftype),
        _pair(f"{family}.attention.layer_norm_rms_epsilon", GGUFValueType.FLOAT32, struct.pack("<f", 1e-5)),
    ]
    for key, field in _INTEGERS.items():
        value = model.item.get(field)
        if isinstance(value, int) and not (value == 0 and key in _LEFT_OUT_WHEN_ZERO):
            pairs.append(_integer(f"{family}.{key}", value))
    if family == "command-r":
        pairs.append(_pair(f"{family}.attention.layer_norm_epsilon", GGUFValueType.FLOAT32, struct.pack("<f", 1e-5)))
    if family == "mamba" and model.context_length is None:
        pairs.append(_integer(f"{family}.context_length", _MAMBA_CONTEXT))
    heads = model.item["head_count_kv"]
    if isinstance(heads, list):
        array = struct.pack(f"<IQ{len(heads)}i", GGUFValueType.INT32, len(heads), *heads)
        pairs.append(_pair(f"{family}.attention.head_count_kv", GGUFValueType.ARRAY, array))
    else:
        pairs.append(_integer(f"{family}.attention.head_count_kv", heads))
    template = _string("tokenizer.chat_template", _CHAT_TEMPLATE)
    return [*pairs, *_tokenizer(model.vocab_size, family in _SENTENCEPIECE), template]


@functools.lru_cache(maxsize=2)
def _tokenizer(size: int, sentencepiece: bool) -> tuple[bytes, ...]:
    """A vocabulary of the right size whose words mean nothing; its length is the point."""
    tokens = _tokens(size)
    pairs = [
        _string("tokenizer.ggml.model", "llama" if sentencepiece else "gpt2"),
        _string("tokenizer.ggml.pre", "default"),
        _pair("tokenizer.ggml.tokens", GGUFValueType.ARRAY, _array(GGUFValueType.STRING, size, tokens)),
        _pair(
            "tokenizer.ggml.token_type", GGUFValueType.ARRAY,
            _array(GGUFValueType.INT32, size, struct.pack("<i", 1) * size),
        ),
        _integer("tokenizer.ggml.bos_token_id", 1),
        _integer("tokenizer.ggml.eos_token_id", 2),
    ]  # fmt: skip
    if sentencepiece:
        scores = _array(GGUFValueType.FLOAT32, size, struct.pack("<f", 0.0) * size)
        pairs.append(_pair("tokenizer.ggml.scores", GGUFValueType.ARRAY, scores))
    else:
        # Llama 3 has more than two merges per token, most others one.
        count = 280_147 if size == 128_256 else size
        merges = (struct.pack("<Q", 9) + b"abcd efgh") * count
        pairs.append(_pair("tokenizer.ggml.merges", GGUFValueType.ARRAY, _array(GGUFValueType.STRING, count, merges)))
    return tuple(pairs)


def _tokens(size: int) -> bytes:
    """``t0000000``, ``t0000001`` …, a thousand at a time: one by one takes seconds for a whole shelf."""
    thousand = b"".join(struct.pack("<Q", 8) + b"t####%03d" % index for index in range(1000))
    blocks = (thousand.replace(b"####", b"%04d" % block) for block in range(-(-size // 1000)))
    return b"".join(blocks)[: size * 16]


def _array(kind: GGUFValueType, count: int, values: bytes) -> bytes:
    return struct.pack("<IQ", kind, count) + values


def _integer(key: str, value: int) -> bytes:
    return _pair(key, GGUFValueType.UINT32, struct.pack("<I", value))


def _string(key: str, value: str) -> bytes:
    return _pair(key, GGUFValueType.STRING, _text(value))


def _pair(key: str, kind: GGUFValueType, value: bytes) -> bytes:
    return _text(key) + struct.pack("<I", kind) + value


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data
