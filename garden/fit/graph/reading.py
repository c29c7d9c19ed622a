"""Which graph each block of a model is, read from its header."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from garden.fit.graph.attention import Attention, LatentAttention, Mixer
from garden.fit.graph.block import AltUpBlock, BlockGraph, Graph, SideBySideBlock
from garden.fit.graph.feed_forward import Dense, Experts, FeedForward, Gate
from garden.fit.graph.recurrence import DeltaNet, ShortConvolution, StateSpace, TimeMix
from garden.fit.graph.time_mix import TimeMixBlock
from garden.fit.model_shape import Layer, ModelShape, counts, whole
from garden.gguf.header import GgufHeader, TensorInfo

#: Feed-forward and attention read the same normed input.
_PARALLEL = frozenset({"falcon", "gptneox", "phi2", "command-r", "cohere2", "plamo"})

#: Positions are learned or biased, not rotated, and heads are not normed.
_UNTURNED = frozenset(
    {"gpt2", "starcoder", "mpt", "bloom", "jais", "refact", "jamba", "granitehybrid", "nemotron_h", "nemotron_h_moe"}
)

#: Heads are rotated in layers that attend to a window only.
_TURNED_IN_WINDOWS = frozenset({"cohere2", "smallthinker"})

#: The input of a block is not normed; the results of its parts are.
_POST_NORM_ONLY = frozenset({"olmo2", "exaone4"})

#: Residual sums name the stream first, so that they are written into it.
_INTO_STREAM = frozenset({"jamba", "lfm2", "lfm2moe"})
_MIXES_INTO_STREAM = frozenset({"openelm"})

#: Of parallel parts, attention is named first in the sum.
_MIXER_FIRST = frozenset({"phi2"})

#: Fused matrices, for headers without tensors.
_FUSED_GATE = frozenset({"phi3", "glm4", "chatglm"})
_FUSED_QUERY = frozenset({"phi3", "gpt2", "gptneox", "falcon", "mpt", "bloom", "starcoder", "qwen", "chatglm", "phi2"})

#: Of Gemma 3n, whose files do not state it (``llama-hparams.h``).
_ALTUP_SIDE_WIDTH = 256

_TIME_MIXES = frozenset({"rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"})
_DELTA_NETS = frozenset({"qwen3next", "qwen35", "qwen35moe"})

Names = Mapping[str, TensorInfo]


def block_graphs(header: GgufHeader, shape: ModelShape) -> tuple[Graph, ...]:
    """The graph of each block that runs, in order."""
    reader = _Reader(header, shape)
    return _looking_ahead(reader.graphs())


class _Reader:
    def __init__(self, header: GgufHeader, shape: ModelShape) -> None:
        self._header = header
        self._shape = shape
        self._architecture = shape.architecture
        self._blocks = header.tensors_by_block
        self._hidden = counts(header, "feed_forward_length", len(shape.layers))
        self._expert_hidden = counts(header, "expert_feed_forward_length", len(shape.layers))
        self._expert_used = counts(header, "expert_used_count", len(shape.layers))
        self._experts = whole(header, "expert_count")
        self._dense_first = whole(header, "leading_dense_block_count")
        self._side_width = whole(header, "embedding_length_per_layer_input")
        self._keys = (
            whole(header, "attention.key_length") or self._usual_length(),
            whole(header, "attention.value_length") or self._usual_length(),
        )
        self._sliding_keys = (
            whole(header, "attention.key_length_swa") or self._keys[0],
            whole(header, "attention.value_length_swa") or self._keys[1],
        )

    def graphs(self) -> list[Graph]:
        """Put all blocks together; most of a model are alike, and each kind is put together once."""
        layers = self._shape.layers
        numbers = range(len(layers))
        kinds = zip(
            # Equal layers of a shape are one object.
            map(id, layers),
            self._hidden,
            self._expert_hidden,
            self._expert_used,
            [number >= self._dense_first for number in numbers],
            [number == 0 and self._architecture in _TIME_MIXES for number in numbers],
            map(self._header.first_alike.get, numbers),
            strict=True,
        )
        made: dict[object, Graph] = {}
        equal: dict[Graph, Graph] = {}
        found = []
        for number, kind in enumerate(kinds):
            graph = made.get(kind)
            if graph is None:
                # Blocks that differ in the types of their weights alone compute alike.
                block = self._block(number, layers[number], self._blocks.get(number, {}))
                graph = made[kind] = equal.setdefault(block, block)
            found.append(graph)
        return found

    def _block(self, number: int, layer: Layer, names: Names) -> Graph:
        if self._architecture == "rwkv7" and "channel_mix_key.weight" in names:
            return self._time_mix(number, names)
        mixer, feed_forward = self._mixer(layer, names), self._feed_forward(number, names)
        if self._architecture == "falcon-h1" and isinstance(mixer, StateSpace) and feed_forward is not None:
            attention = self._attention(layer, names)
            assert isinstance(attention, Attention)
            return SideBySideBlock(mixer=attention, state_space=mixer, feed_forward=feed_forward)
        if self._architecture == "gemma3n" and mixer is not None and feed_forward is not None:
            return AltUpBlock(mixer=mixer, feed_forward=feed_forward, side_width=self._side_width or _ALTUP_SIDE_WIDTH)
        return BlockGraph(
            mixer=mixer,
            feed_forward=feed_forward,
            pre_norm=self._architecture not in _POST_NORM_ONLY,
            parallel=self._parallel(names),
            shares_norm="ffn_norm.weight" not in names,
            into_stream=self._architecture in _INTO_STREAM,
            mixes_into_stream=self._architecture in _MIXES_INTO_STREAM,
            mixer_first=self._architecture in _MIXER_FIRST,
            side_width=self._side_width,
            cut_short=self._architecture != "gemma4",
        )

    def _time_mix(self, number: int, names: Names) -> TimeMixBlock:
        def rank(name: str) -> int:
            return names[name].shape[1] if name in names else 0

        return TimeMixBlock(
            mixes=names["time_mix_lerp_fused.weight"].shape[-1] if "time_mix_lerp_fused.weight" in names else 6,
            decay_rank=rank("time_mix_w1.weight"),
            rate_rank=rank("time_mix_a1.weight"),
            value_rank=rank("time_mix_v1.weight"),
            gate_rank=rank("time_mix_g1.weight"),
            head_length=whole(self._header, "wkv.head_size") or 64,
            hidden=rank("channel_mix_key.weight"),
            first=number == 0,
        )

    def _parallel(self, names: Names) -> bool:
        # Models of StableLM without a norm before the feed-forward part are parallel.
        unnormed = self._architecture == "stablelm" and _described(names) and "ffn_norm.weight" not in names
        return self._architecture in _PARALLEL or unnormed

    def _waits(self, names: Names) -> bool:
        beside = self._parallel(names) and self._architecture not in _MIXER_FIRST
        return beside or self._architecture == "falcon-h1"

    def _is_turned(self, layer: Layer) -> bool:
        if self._architecture == "baichuan":
            # Only the engine's Baichuan of 7 billion parameters, known by its number of blocks, rotates.
            return self._shape.blocks == 32
        return self._architecture not in _UNTURNED and (layer.slides or self._architecture not in _TURNED_IN_WINDOWS)

    def _usual_length(self) -> int:
        heads = next((layer.heads for layer in self._shape.layers if layer.heads), 0)
        return self._shape.width // heads if heads else 0

    def _mixer(self, layer: Layer, names: Names) -> Mixer | None:
        if not layer.recurrent:
            return self._attention(layer, names)
        return self._recurrent(names)

    def _attention(self, layer: Layer, names: Names) -> Mixer | None:
        header = self._header
        attends = any(name.startswith("attn_") and not name.startswith("attn_norm") for name in names)
        without = layer.heads == 0 or (_described(names) and not attends)
        if without and not _has(names, "attn_q.weight", "attn_qkv.weight"):
            # Some blocks only have a feed-forward part (Nemotron H, pruned models).
            return None
        if self._shape.latent:
            rank, rope = whole(header, "attention.kv_lora_rank"), whole(header, "rope.dimension_count")
            return LatentAttention(
                query_rank=whole(header, "attention.q_lora_rank") if not _has(names, "attn_q.weight") else 0,
                query=layer.heads * (whole(header, "attention.key_length_mla")),
                rank=rank,
                rope=rope,
                heads=layer.heads,
                output=layer.heads * (whole(header, "attention.value_length_mla")),
                index_heads=whole(header, "attention.indexer.head_count") if layer.index_width else 0,
                index_length=whole(header, "attention.indexer.key_length"),
                picked=whole(header, "attention.indexer.top_k"),
            )
        key, value = self._sliding_keys if layer.slides else self._keys
        return Attention(
            query=layer.heads * key,
            key=layer.k_width,
            value=layer.v_width,
            output=layer.heads * value,
            heads=layer.heads,
            fused="attn_qkv.weight" in names if _described(names) else self._architecture in _FUSED_QUERY,
            turned=self._is_turned(layer),
            value_normed=self._architecture in ("gemma3n", "gemma4"),
            gated=self._architecture in _DELTA_NETS,
            slides=layer.slides,
            shares=not layer.cached,
            waits=self._waits(names),
            gate=names["attn_gate.weight"].shape[1] if "attn_gate.weight" in names else 0,
            normed="attn_sub_norm.weight" in names,
            key_first=self._shape.window > 0,
        )

    def _recurrent(self, names: Names) -> Mixer:
        header = self._header
        inner, state = whole(header, "ssm.inner_size"), whole(header, "ssm.state_size")
        groups, rank = whole(header, "ssm.group_count"), whole(header, "ssm.time_step_rank")
        kernel = whole(header, "ssm.conv_kernel") or 1
        if self._architecture in _TIME_MIXES:
            return TimeMix()
        if self._architecture in _DELTA_NETS:
            return DeltaNet(
                key=groups * state,
                inner=inner,
                heads=rank,
                state=inner * (inner // rank if rank else 0),
                kernel=kernel,
            )
        if cache := whole(header, "shortconv.l_cache"):
            return ShortConvolution(kernel=cache)
        first_generation = self._architecture in ("mamba", "jamba", "plamo2")
        return StateSpace(
            inner=inner,
            state=state,
            groups=0 if first_generation else max(groups, 1),
            rank=rank,
            kernel=kernel,
            normed="ssm_norm.weight" in names if _described(names) else not first_generation,
            low_rank=max(64, self._shape.width // 16) if self._architecture == "plamo2" else 0,
            normed_steps=self._architecture == "plamo2"
            or "ssm_dt_norm.weight" in names
            or bool(header.value("ssm.dt_b_c_rms")),
        )

    def _feed_forward(self, number: int, names: Names) -> FeedForward | None:
        used = self._expert_used[number]
        routed = (
            any(name.startswith(("ffn_up_exps", "ffn_gate_up_exps", "ffn_down_exps")) for name in names)
            if _described(names)
            else self._experts and number >= self._dense_first
        )
        if routed and used:
            return self._routed(number, names, used)
        hidden = self._hidden[number]
        if _described(names):
            up = names.get("ffn_up.weight")
            if up is None:
                return Dense(hidden=0) if "ffn_norm.weight" in names else None
            hidden = names["ffn_down.weight"].shape[0] if "ffn_down.weight" in names else hidden
            gate: Gate = "split" if "ffn_gate.weight" in names else "fused" if up.shape[1] == 2 * hidden else "none"
            return Dense(hidden=hidden, gate=gate)
        return Dense(hidden=hidden, gate="fused" if self._architecture in _FUSED_GATE else "split") if hidden else None

    def _routed(self, number: int, names: Names, used: int) -> Experts:
        hidden = self._expert_hidden[number]
        if "ffn_down_exps.weight" in names:
            hidden = names["ffn_down_exps.weight"].shape[0]
        elif not hidden:
            hidden = self._hidden[number]
        shared = whole(self._header, "expert_shared_feed_forward_length")
        if _described(names):
            shared = names["ffn_down_shexp.weight"].shape[0] if "ffn_down_shexp.weight" in names else 0
        gate: Gate = "split"
        if _described(names) and "ffn_gate_exps.weight" not in names:
            gate = "fused" if "ffn_gate_up_exps.weight" in names else "none"
        return Experts(
            count=self._experts,
            used=used,
            hidden=hidden,
            shared=shared,
            gate=gate,
            weighed_first=self._architecture == "llama4",
            biased_choice="exp_probs_b.bias" in names,
        )


def _described(names: Names) -> bool:
    """Whether the header lists this block's tensors, rather than one that stands for all."""
    return len(names) > 2


def _has(names: Names, *wanted: str) -> bool:
    return any(name in names for name in wanted)


def distinct(blocks: Sequence[Graph], repeats: int = 3) -> tuple[Graph, ...]:
    """The same sequence with runs of equal blocks cut short: after some repeats a run packs alike.

    The last block stays, since it packs in another way.
    """
    found: list[Graph] = []
    run = 0
    for block in blocks[:-1]:
        run = run + 1 if found and (found[-1] is block or found[-1] == block) else 1
        if run <= repeats:
            found.append(block)
    return (*found, *blocks[-1:])


def _looking_ahead(blocks: list[Graph]) -> tuple[Graph, ...]:
    """Let blocks read the history of the Mamba layer that comes next.

    Graphs are built layer by layer, but a result is put into the graph only when something asks for it: a cache, a
    state, the sum of routed experts. What comes after those in a layer follows the first results of the next.
    """
    if not any(isinstance(getattr(block, "mixer", None), StateSpace) for block in {id(b): b for b in blocks}.values()):
        return tuple(blocks)
    following: Mixer | None = None
    nexts: list[Mixer | None] = []
    for block in reversed(blocks):
        nexts.append(following)
        mixer = getattr(block, "mixer", None)
        if mixer is not None or isinstance(getattr(block, "feed_forward", None), Experts):
            following = mixer
    made: dict[tuple[int, bool, int], Graph] = {}
    found: list[Graph] = []
    begun = False
    for block, following in zip(blocks, reversed(nexts), strict=True):
        ahead = following if isinstance(following, StateSpace) else None
        if isinstance(block, BlockGraph) and (begun or ahead):
            key = (id(block), begun, id(ahead))
            if key not in made:
                made[key] = _ahead(block, ahead, begun=begun)
            found.append(made[key])
        else:
            found.append(block)
        begun = ahead is not None
    return tuple(found)


def _ahead(block: BlockGraph, following: StateSpace | None, *, begun: bool) -> BlockGraph:
    mixer, feed_forward = block.mixer, block.feed_forward
    if isinstance(mixer, StateSpace):
        mixer = dataclasses.replace(mixer, begun=begun)
    if isinstance(feed_forward, Experts):
        feed_forward = dataclasses.replace(feed_forward, ahead=following)
    elif isinstance(mixer, StateSpace):
        mixer = dataclasses.replace(mixer, ahead=following is not None)
    elif isinstance(mixer, Attention) and following is not None:
        # What comes after attention waits until then.
        mixer = dataclasses.replace(mixer, waits=True)
        return dataclasses.replace(block, mixer=mixer, ahead=following)
    return dataclasses.replace(block, mixer=mixer, feed_forward=feed_forward)
