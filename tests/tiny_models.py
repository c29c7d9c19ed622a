"""Small models with random weights and a real tokenizer, made by code in milliseconds.

They load, chat, quantize and measure like any model; what they say is noise. All widths are multiples of 256, so that
every K-quant applies without a fallback.
"""

from __future__ import annotations

from itertools import count, product
from pathlib import Path
from string import ascii_letters
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

#: ChatML, as many models use it.
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

#: Loops longer than any time limit, within every size limit of the sandbox.
ENDLESS_TEMPLATE = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"

SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
WIDTH, FEED_FORWARD, HEADS = 256, 512, 4


def write_tiny_model(
    path: Path,
    *,
    template: str | None = CHAT_TEMPLATE,
    blocks: int = 2,
    context_length: int = 2_048,
    seed: int = 0,
    name: str = "Tiny",
    architecture: str = "llama",
    float_type: type[np.floating] = np.float16,
    adds_bos: bool = False,
    ends: bool = True,
    tensors_per_file: int = 0,
) -> Path:
    """Write a llama-like model.

    Args:
        path: Where to.
        template: Chat template, None for a base model.
        blocks: Transformer blocks.
        context_length: Tokens it claims to be trained for.
        seed: Of the weights.
        name: ``general.name``.
        architecture: What the header claims; the tensors are a llama's in any case.
        float_type: Of the matrices.
        adds_bos: The file's flag: texts start with the begin token.
        ends: Without it no end token is among the likely ones, so that an answer goes on to its limit.
        tensors_per_file: Split it into shards of so many tensors; 0 writes one file.
    """
    writer = gguf.GGUFWriter(str(path), architecture, split_max_tensors=tensors_per_file)
    writer.add_name(name)
    writer.add_license("cc0-1.0")
    writer.add_context_length(context_length)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(blocks)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS // 2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_file_type(1 if float_type is np.float16 else 0)
    vocab_size = add_tokenizer(writer, template, adds_bos=adds_bos)
    _add_tensors(writer, blocks, vocab_size, seed, float_type, ends)
    return finished(writer, path)


def finished(writer: gguf.GGUFWriter, path: Path) -> Path:
    """Write everything out."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _byte_characters() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    stand_ins = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(stand_ins)) for byte in range(256)]


def add_tokenizer(
    writer: gguf.GGUFWriter,
    template: str | None,
    *,
    adds_bos: bool = False,
    size: int = 0,
    fills_with_merges: bool = False,
) -> int:
    """Add a byte-level BPE vocabulary with ChatML's markers, of at least so many tokens; the number of its tokens.

    What fills it up are markers, or with ``fills_with_merges`` words that are merged letter by letter.
    """
    characters = _byte_characters()
    space = characters[32]
    merges = ["t h", "th e", "i n", f"{space} t", f"{space} a", "e r", "o u", "a n"]
    merged = ["".join(merge.split(" ")) for merge in merges]
    tokens = [*characters, *merged, *SPECIALS]
    kinds = [1] * (len(characters) + len(merged)) + [3] * len(SPECIALS)
    known = set(tokens)
    words = (word for length in count(2) for word in product(ascii_letters, repeat=length))
    while fills_with_merges and len(tokens) < size:
        *start, last = next(words)
        if (word := "".join((*start, last))) not in known:
            tokens.append(word)
            merges.append(f"{''.join(start)} {last}")
    kinds += [1] * (len(tokens) - len(kinds))
    while len(tokens) < size or (not size and len(tokens) % 32):
        tokens.append(f"<|unused_{len(tokens)}|>")
    n_text = len(characters) + len(merged)
    kinds += [3] * (len(tokens) - len(kinds))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(n_text)
    writer.add_eos_token_id(n_text + 2)
    writer.add_add_bos_token(adds_bos)
    if template is not None:
        writer.add_chat_template(template)
    return len(tokens)


def random_matrix(
    random: np.random.Generator, rows: int, columns: int, float_type: type[np.floating] = np.float16
) -> NDArray[np.floating]:
    """Weights that keep the size of what passes through them."""
    weights: NDArray[np.floating] = (random.standard_normal((rows, columns)) / np.sqrt(columns)).astype(float_type)
    return weights


def _add_tensors(
    writer: gguf.GGUFWriter, blocks: int, vocab_size: int, seed: int, float_type: type[np.floating], ends: bool
) -> None:
    random = np.random.default_rng(seed)

    def matrix(rows: int, columns: int) -> NDArray[Any]:
        return np.asarray(random.standard_normal((rows, columns)) / np.sqrt(columns), dtype=float_type)

    ones = np.ones(WIDTH, np.float32)
    writer.add_tensor("token_embd.weight", matrix(vocab_size, WIDTH))
    writer.add_tensor("output_norm.weight", ones)
    output = matrix(vocab_size, WIDTH) * float_type(3)
    if not ends:
        # The vocabulary ends with the end tokens and what fills it up. Their logits are 0, far from the best.
        output[-32:] = 0
    writer.add_tensor("output.weight", output)
    for block in range(blocks):
        shapes = {
            "attn_q": (WIDTH, WIDTH),
            "attn_k": (WIDTH // 2, WIDTH),
            "attn_v": (WIDTH // 2, WIDTH),
            "attn_output": (WIDTH, WIDTH),
            "ffn_gate": (FEED_FORWARD, WIDTH),
            "ffn_up": (FEED_FORWARD, WIDTH),
            "ffn_down": (WIDTH, FEED_FORWARD),
        }
        for tensor, shape in shapes.items():
            writer.add_tensor(f"blk.{block}.{tensor}.weight", matrix(*shape))
        writer.add_tensor(f"blk.{block}.attn_norm.weight", ones)
        writer.add_tensor(f"blk.{block}.ffn_norm.weight", ones)
