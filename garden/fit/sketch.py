"""Stand-ins for headers that nobody has read as a whole: the true shape, and weights that fill the file."""

from __future__ import annotations

import dataclasses

from garden.fit.published_model import PublishedModel
from garden.gguf.header import MAX_BLOCKS, GgufHeader
from garden.gguf.header_start import HeaderStart
from garden.gguf.metadata_value import ArraySkipped
from garden.gguf.quant_name import quant_type_named

#: Of a word of the vocabulary with its merge, score and type, on average.
_WORD_BYTES = 36

#: Wider than any model.
_WIDEST = 2**20

_USUAL_TYPE = "Q4_K_M"


def sketched_header(start: HeaderStart, size_bytes: int, quant_type: str | None) -> GgufHeader:
    """A header for a first figure: the cache as exact as the keys are, the weights as large as the file.

    Against true headers of the catalogue's models the sum was 0.6 % off on average.

    Args:
        start: What the file's first window says.
        size_bytes: Of the file, or of all shards.
        quant_type: From the file's name; it tells how much of the weights the embedding is.
    """
    words = sum(value.count for value in start.metadata.values() if isinstance(value, ArraySkipped))
    data_bytes = max(1, size_bytes - start.end - words * _WORD_BYTES)
    quant = quant_type_named(quant_type or "") or quant_type_named(_USUAL_TYPE)
    assert quant is not None
    keys = GgufHeader(
        version=start.counts.version,
        alignment=32,
        metadata=start.metadata,
        tensors=(),
        header_bytes=0,
        data_bytes=0,
        kinds=start.kinds,
    )
    blocks, width = keys.block_count or 0, keys.integer("embedding_length") or 0
    if not start.counts.tensors or not 0 < blocks <= MAX_BLOCKS or not 0 < width <= _WIDEST:
        return keys
    architecture = keys.architecture or ""
    shape = {key: value for key, value in start.metadata.items() if key.startswith(f"{architecture}.")}
    shape[f"{architecture}.vocab_size"] = keys.vocab_size or 0
    model = PublishedModel(
        name=keys.name or "",
        repo_id="",
        license="",
        parameters=max(1, round(8 * data_bytes / quant.bits_per_weight)),
        active_parameters=None,
        architecture=architecture,
        context_length=keys.context_length,
        shape=shape,
        tied_embeddings=False,
    )
    # Where the type's bits are not what the file has, weights are as many as the file holds.
    header = sibling_header(model.header(quant.name), data_bytes)
    return dataclasses.replace(header, metadata=start.metadata, kinds=start.kinds)


def sibling_header(header: GgufHeader, size_bytes: int) -> GgufHeader:
    """The header that another quantization of the same model has: the same shapes, its weights filling its own file.

    Args:
        header: Of one quantization, read whole.
        size_bytes: Size of the other one's file.
    """
    data_bytes = max(0, size_bytes - header.header_bytes)
    scale = data_bytes / header.data_bytes if header.data_bytes else 1.0
    tensors = tuple(
        dataclasses.replace(tensor, size_bytes=round(tensor.size_bytes * scale)) for tensor in header.tensors
    )
    return dataclasses.replace(header, tensors=tensors, data_bytes=data_bytes)
