"""Memory of a vocabulary, which no buffer of the engine shows."""

from __future__ import annotations

from garden.gguf.header import ArraySkipped, GgufHeader

#: Fitted to the engine on vocabularies of 32,000 … 262,144 tokens with up to 514,906 merges, within 5 %: tokens with
#: merges (BPE), and with scores (SPM).
_BPE_BYTES, _BPE_PER_TOKEN, _BPE_PER_MERGE = 4_700_000, 175, 102
_SPM_BYTES, _SPM_PER_TOKEN = 1_060_000, 155

#: Tables grow with what is in them: a vocabulary of some hundred tokens has no megabytes of them.
_AT_MOST_PER_TOKEN = 100

_MOST = 4 * 1024 * 1024


def vocabulary_bytes(header: GgufHeader) -> int:
    """What tokens, merges and the tables made of them take; 0 where the header has none.

    A header that was read without its vocabulary does not count the merges; most have about one a token.
    """
    tokens = min(header.vocab_size or 0, _MOST)
    merges = header.metadata.get("tokenizer.ggml.merges")
    if header.text("tokenizer.ggml.model") in (None, "gpt2") or isinstance(merges, ArraySkipped):
        match merges:
            case ArraySkipped():
                return bpe_bytes(tokens, min(merges.count, _MOST))
            case tuple():
                return bpe_bytes(tokens, len(merges))
        return bpe_bytes(tokens, tokens)
    return min(_SPM_BYTES, tokens * _AT_MOST_PER_TOKEN) + _SPM_PER_TOKEN * tokens


def bpe_bytes(tokens: int, merges: int) -> int:
    """The same of so many tokens and merges."""
    return min(_BPE_BYTES, tokens * _AT_MOST_PER_TOKEN) + _BPE_PER_TOKEN * tokens + _BPE_PER_MERGE * merges
