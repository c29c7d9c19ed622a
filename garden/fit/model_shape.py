"""What the engine reads from a header before it makes a cache: layers, heads, windows, recurrent state."""

from __future__ import annotations

from dataclasses import dataclass

from garden.gguf.header import MAX_BLOCKS, GgufHeader

#: A count beyond it is damage; the products below stay numbers that can be stored.
_LARGEST = 2**32

#: Architectures whose layers slide in a pattern when the file states none: every p-th layer is full, the last of its
#: group, or the first where True. From ``load_swa_pattern`` in llama.cpp's ``src/models``.
_PATTERNS: dict[str, tuple[int, bool]] = {
    "afmoe": (4, False),
    "cohere2": (4, False),
    "cohere2moe": (4, True),
    "exaone-moe": (4, False),
    "exaone4": (4, False),
    "gemma2": (2, False),
    "gemma3": (6, False),
    "gemma3n": (5, False),
    "gpt-oss": (2, False),
    "laguna": (4, True),
    "llama4": (4, False),
    "mellum": (4, False),
    "muse-glimmer": (4, False),
    "olmo2": (4, False),
    "plamo3": (8, False),
    "smallthinker": (4, True),
}

#: Architectures that slide only by an array in the file.
_STATED_PATTERNS = frozenset({"gemma4", "granite_swa", "maple", "mimo2", "step35", "spark2_5", "dots3note"})

#: Windows that the engine takes whatever the file says (llama4, smallthinker), or when it says nothing.
_FIXED_WINDOWS = {"llama4": 8192, "smallthinker": 4096}
_DEFAULT_WINDOWS = {"gemma2": 4096, "exaone-moe": 128}

#: Every layer is recurrent (``llm_arch_is_recurrent``).
RECURRENT = frozenset({"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"})

#: Layers without KV heads are recurrent.
RECURRENT_WITHOUT_HEADS = frozenset(
    {"jamba", "granitehybrid", "plamo2", "lfm2", "lfm2moe", "kimi-linear", "kimi-k3", "bailingmoe3", "glm5-next"}
)

#: Every n-th layer attends, the others are recurrent: the interval that holds when the file states none.
FULL_ATTENTION_INTERVALS = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4, "qwen4exp": 4, "minimax-01": 8}

#: Layers that keep a cache; the later ones read that of an earlier layer.
_LAYERS_WITH_CACHE = {"gemma3n": 20}

#: Latent attention whose indexer keeps a K cache of its own beside the main one.
_INDEXERS = frozenset({"deepseek32", "glm-dsa", "hy_v4", "dots3note", "minimax-m3", "glm5-next", "qwen4exp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One block as the cache sees it.

    Attributes:
        heads: Query heads.
        k_width: K values per cell; 0 without a cache.
        v_width: V values per cell; 0 without a V cache.
        index_width: K values per cell of an indexer's own cache; 0 without one.
        index_v_width: V values per cell of an indexer's own cache; 0 without one.
        slides: Whether it attends to a window only.
        recurrent: Whether it keeps a recurrent state.
        cached: Whether it has an attention cache of its own (which is empty without heads).
    """

    heads: int
    k_width: int
    v_width: int
    index_width: int = 0
    index_v_width: int = 0
    slides: bool = False
    recurrent: bool = False
    cached: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """A model's shape.

    Attributes:
        architecture: GGUF's word.
        blocks: Blocks in the file, layers for multi-token prediction included (they count for placement).
        layers: Blocks that run, in order; those for multi-token prediction are left out by the engine.
        width: Embedding length.
        input_width: Floats per token of the input; more than the width where images bring several rows.
        key_length: Of one head, in full layers.
        value_length: Of one head, in full layers.
        vocabulary: Tokens.
        window: Sliding window in tokens, 0 for none.
        latent: Latent attention (MLA): K only.
        v_width_padded: V values per cell of every layer when flash attention is off and layers differ.
        state_values: f32 values of one sequence in one recurrent layer.
        tied_embeddings: The output matrix is the embedding.
        cached_kinds: Of layers with a cache: False for full ones, True for sliding ones.
        recurrent_layers: Layers with a recurrent state.
    """

    architecture: str
    blocks: int
    layers: tuple[Layer, ...]
    width: int
    input_width: int
    key_length: int
    value_length: int
    vocabulary: int
    window: int
    latent: bool
    v_width_padded: int
    state_values: int
    tied_embeddings: bool
    cached_kinds: frozenset[bool]
    recurrent_layers: int

    @property
    def slides(self) -> bool:
        """Whether any layer attends to a window only."""
        return bool(self.window)


def whole(header: GgufHeader, key: str) -> int:
    """A count under ``{architecture}.{key}``; 0 when absent, and never negative or beyond anything real."""
    return min(max(0, header.integer(key) or 0), _LARGEST)


def counts(header: GgufHeader, key: str, count: int) -> tuple[int, ...]:
    """So many counts under a key that is a number for all layers or one per layer; what is missing is 0."""
    value = header.value(key)
    if isinstance(value, int):
        return (min(max(0, int(value)), _LARGEST),) * count
    if not isinstance(value, tuple):
        return (0,) * count
    # Nearly every number is sound and taken as it is.
    found = tuple([v if type(v) is int and 0 <= v <= _LARGEST else _sound(v) for v in value[:count]])
    return found + (0,) * (count - len(found))


def _sound(value: object) -> int:
    return min(max(0, int(value)), _LARGEST) if isinstance(value, int) else 0


def shape_of(header: GgufHeader) -> ModelShape:
    """Read the shape as llama.cpp's ``load_hparams`` does (``src/llama-model.cpp`` and ``src/models``)."""
    architecture = header.architecture or ""
    blocks = min(whole(header, "block_count"), MAX_BLOCKS)
    count = blocks - min(whole(header, "nextn_predict_layers"), blocks)
    width = whole(header, "embedding_length")
    window = _window(header, architecture, count)
    slides = _sliding(header, architecture, count) if window else (False,) * count
    recurrent = _recurrent(header, architecture, count)
    if architecture == "lfm2" and window:
        slides = tuple(not state for state in recurrent)
    layers = _layers(header, architecture, count, slides, recurrent)
    return ModelShape(
        architecture=architecture,
        blocks=blocks,
        layers=layers,
        width=width,
        input_width=width * (1 + min(whole(header, "n_deepstack_layers"), 64)),
        key_length=whole(header, "attention.key_length") or _usual_length(header, width),
        value_length=whole(header, "attention.value_length") or _usual_length(header, width),
        vocabulary=header.vocab_size or 0,
        window=window if any(slides) else 0,
        latent=_is_latent(header),
        v_width_padded=max((layer.v_width for layer in layers), default=0),
        state_values=_state_values(header, architecture),
        tied_embeddings=not any(tensor.name == "output.weight" for tensor in header.tensors_outside_blocks),
        cached_kinds=frozenset(layer.slides for layer in layers if layer.k_width),
        recurrent_layers=sum(layer.recurrent for layer in layers),
    )


def _layers(
    header: GgufHeader, architecture: str, count: int, slides: tuple[bool, ...], recurrent: tuple[bool, ...]
) -> tuple[Layer, ...]:
    heads = counts(header, "attention.head_count", count)
    kv_heads = (
        counts(header, "attention.head_count_kv", count)
        if header.value("attention.head_count_kv") is not None
        else heads
    )
    width = whole(header, "embedding_length")
    usual = _usual_length(header, width)
    key, value = whole(header, "attention.key_length") or usual, whole(header, "attention.value_length") or usual
    key_sliding = whole(header, "attention.key_length_swa") or key
    value_sliding = whole(header, "attention.value_length_swa") or value
    latent = _is_latent(header)
    cached = _with_cache(header, architecture, count)
    indexer = (whole(header, "attention.indexer.key_length")) if architecture in _INDEXERS else 0
    index_types = header.value("attention.indexer.types")
    dense_first = whole(header, "leading_dense_block_count")
    dense_unindexed = architecture == "minimax-m3"
    found = []
    # Most layers are alike.
    made: dict[object, Layer] = {}
    for number in range(count):
        attends = number < cached and _attends(header, architecture, number, recurrent[number])
        k_length, v_length = (key_sliding, value_sliding) if slides[number] else (key, value)
        indexed = bool(indexer) and attends and not slides[number] and (number >= dense_first or not dense_unindexed)
        if isinstance(index_types, tuple) and number < len(index_types):
            indexed = indexed and bool(index_types[number])
        kind = (heads[number], kv_heads[number], slides[number], recurrent[number], attends, indexed)
        if kind not in made:
            made[kind] = Layer(
                heads=heads[number],
                k_width=kv_heads[number] * k_length if attends else 0,
                v_width=kv_heads[number] * v_length if attends and not latent else 0,
                index_width=indexer * (3 if architecture == "glm5-next" else 1) if indexed else 0,
                index_v_width=value if indexed and architecture == "minimax-m3" else 0,
                slides=slides[number],
                recurrent=recurrent[number],
                cached=attends,
            )
        found.append(made[kind])
    return tuple(found)


def _attends(header: GgufHeader, architecture: str, number: int, recurrent: bool) -> bool:
    if architecture == "falcon-h1":
        return True
    if architecture in ("nemotron_h", "nemotron_h_moe"):
        return not recurrent and not counts(header, "feed_forward_length", number + 1)[number]
    return not recurrent


def _with_cache(header: GgufHeader, architecture: str, count: int) -> int:
    if architecture == "gemma4":
        return max(0, count - (whole(header, "attention.shared_kv_layers")))
    return min(count, _LAYERS_WITH_CACHE.get(architecture, count))


def _window(header: GgufHeader, architecture: str, count: int) -> int:
    """The sliding window, 0 when the engine keeps full caches."""
    stated = whole(header, "attention.sliding_window") if header.value("attention.sliding_window") is not None else None
    if architecture not in _PATTERNS and architecture not in _STATED_PATTERNS and architecture != "lfm2":
        return 0
    if architecture == "exaone4" and count != 64:
        return 0
    if architecture == "llama4":
        return 0 if stated == 0 else _FIXED_WINDOWS[architecture]
    if architecture == "smallthinker":
        return _FIXED_WINDOWS[architecture] if stated else 0
    if stated is None:
        return 4096 if architecture == "exaone4" else _DEFAULT_WINDOWS.get(architecture, 0)
    return stated


def _sliding(header: GgufHeader, architecture: str, count: int) -> tuple[bool, ...]:
    stated = header.value("attention.sliding_window_pattern")
    if isinstance(stated, tuple):
        flags = tuple(bool(item) for item in stated[:count])
        return flags + (False,) * (count - len(flags))
    period, full_first = _PATTERNS.get(architecture, (1, False))
    if isinstance(stated, int) and architecture in _PATTERNS:
        period = int(stated)
    if period == 0:
        return (True,) * count
    if full_first:
        return tuple(number % period != 0 for number in range(count))
    return tuple(number % period < period - 1 for number in range(count))


def lacks_recurrence(header: GgufHeader) -> bool:
    """Whether a hybrid says of all its layers that they attend: the engine ends with an error at the first token.

    ``llm_graph_input_mem_hybrid::set_input`` fills the places of states, for which no layer made the engine make room.
    """
    architecture = header.architecture or ""
    if architecture not in RECURRENT_WITHOUT_HEADS | FULL_ATTENTION_INTERVALS.keys():
        return False
    blocks = min(whole(header, "block_count"), MAX_BLOCKS)
    count = blocks - min(whole(header, "nextn_predict_layers"), blocks)
    return count > 0 and not any(_recurrent(header, architecture, count))


def _recurrent(header: GgufHeader, architecture: str, count: int) -> tuple[bool, ...]:
    if architecture in RECURRENT or architecture == "falcon-h1":
        return (True,) * count
    stated = header.value("attention.recurrent_layers")
    if architecture in FULL_ATTENTION_INTERVALS:
        if isinstance(stated, tuple):
            flags = tuple(bool(item) for item in stated[:count])
            return flags + (False,) * (count - len(flags))
        interval = whole(header, "full_attention_interval") or FULL_ATTENTION_INTERVALS[architecture]
        return tuple((number + 1) % interval != 0 for number in range(count))
    kv_heads = counts(header, "attention.head_count_kv", count)
    if architecture in RECURRENT_WITHOUT_HEADS:
        return tuple(heads == 0 for heads in kv_heads)
    if architecture in ("nemotron_h", "nemotron_h_moe"):
        hidden = counts(header, "feed_forward_length", count)
        return tuple(heads == 0 and size == 0 for heads, size in zip(kv_heads, hidden, strict=True))
    return (False,) * count


def _state_values(header: GgufHeader, architecture: str) -> int:
    """``n_embd_r + n_embd_s`` of llama.cpp's ``llama-hparams.cpp``."""
    width = whole(header, "embedding_length")
    if head := whole(header, "wkv.head_size"):
        shifts = whole(header, "token_shift_count") or (1 if architecture in ("rwkv6qwen2", "arwkv7") else 2)
        return shifts * width + width * head
    if cache := whole(header, "shortconv.l_cache"):
        return width * (cache - 1)
    conv = whole(header, "ssm.conv_kernel")
    heads = counts(header, "attention.head_count", 1)[0]
    if head := whole(header, "kda.head_dim"):
        return 3 * ((conv - 1) if conv else 3) * heads * head + head * head * heads
    if architecture == "minimax-01":
        head = whole(header, "attention.key_length") or (width // heads if heads else 0)
        return head * head * heads
    inner, state = whole(header, "ssm.inner_size"), whole(header, "ssm.state_size")
    groups = whole(header, "ssm.group_count")
    return max(0, conv - 1) * (inner + 2 * groups * state) + state * inner


def _usual_length(header: GgufHeader, width: int) -> int:
    heads = counts(header, "attention.head_count", 1)[0]
    return width // heads if heads else 0


def _is_latent(header: GgufHeader) -> bool:
    return bool(whole(header, "attention.key_length_mla") and whole(header, "attention.value_length_mla"))
