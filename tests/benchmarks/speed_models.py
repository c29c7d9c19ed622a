"""Models of real shapes with random weights and a vocabulary, to load in a pane and time."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from garden.gguf.header import GgufHeader
from garden.gguf.made_up_model import Experts, MadeUpModel
from garden.gguf.tensor_type import TYPES_BY_NAME
from tests.fit.drawn_models import drawn_model
from tests.fit.hollow import published_for_engine
from tests.fit.written import write_drawn_model


@dataclass(frozen=True)
class SpeedModel:
    """A model to time.

    Attributes:
        name: For the table.
        header: Its metadata and tensors.
    """

    name: str
    header: GgufHeader

    def write(self, path: Path, *, merges: bool = False) -> Path:
        """Write it, with a vocabulary of bytes; or one of merges, which takes as much memory as a real one."""
        return write_drawn_model(self.header, path, name=self.name, merges=merges)


#: Drawn with these: seven blocks of 832, all but one with windows of 1,024 tokens; seven of 1,024, all with experts and
#: all but one recurrent.
_SLIDING_SEED, _HYBRID_SEED = 19, 4

#: Shapes of Qwen2.5-0.5B, Llama-3.2-1B, a narrow and deep one, wide and shallow ones, and two of experts; then real
#: ones whose heads have norms, whose windows slide, and that keep a state instead of a cache, or beside one.
MODELS = (
    SpeedModel(
        "0.5B mixed",
        MadeUpModel(
            width=896, feed_forward=4864, heads=14, kv_heads=2, blocks=24, vocabulary=151_936,
            weights="Q5_0", ffn_down="Q4_K", output="Q8_0",
        ).header(),
    ),
    SpeedModel(
        "1B Q4_K_M",
        MadeUpModel(
            width=2048, feed_forward=8192, heads=32, kv_heads=8, blocks=16, vocabulary=128_256,
            weights="Q4_K", ffn_down="Q6_K", output="Q6_K",
        ).header(),
    ),
    SpeedModel(
        "1B Q4_0",
        MadeUpModel(
            width=2048, feed_forward=8192, heads=32, kv_heads=8, blocks=16, vocabulary=128_256,
            weights="Q4_0", output="Q6_K",
        ).header(),
    ),
    SpeedModel(
        "narrow Q6_K",
        MadeUpModel(
            width=768, feed_forward=2048, heads=12, kv_heads=12, blocks=32, vocabulary=50_304, weights="Q6_K"
        ).header(),
    ),
    SpeedModel(
        "wide IQ4_XS",
        MadeUpModel(
            width=4096, feed_forward=14_336, heads=32, kv_heads=8, blocks=4, vocabulary=32_768,
            weights="IQ4_XS", output="Q6_K",
        ).header(),
    ),
    SpeedModel(
        "wide Q3_K_M",
        MadeUpModel(
            width=3072, feed_forward=8192, heads=24, kv_heads=8, blocks=6, vocabulary=32_768,
            weights="Q3_K", ffn_down="Q4_K", output="Q6_K",
        ).header(),
    ),
    SpeedModel(
        "experts Q4_K",
        MadeUpModel(
            width=1024, feed_forward=3072, heads=16, kv_heads=4, blocks=12, vocabulary=32_768,
            weights="Q4_K", ffn_down="Q6_K", output="Q6_K", experts=Experts(count=32, used=4, width=768),
        ).header(),
    ),
    SpeedModel(
        "experts Q8_0",
        MadeUpModel(
            width=1536, feed_forward=4096, heads=12, kv_heads=4, blocks=6, vocabulary=32_768,
            weights="Q8_0", experts=Experts(count=64, used=8, width=512),
        ).header(),
    ),
    SpeedModel("normed Q4_K_M", published_for_engine("Qwen/Qwen3-0.6B")),
    SpeedModel("sliding Q4_K_M", published_for_engine("google/gemma-3-1b-it")),
    SpeedModel("small sliding BF16", drawn_model("sliding by six", _SLIDING_SEED)),
    SpeedModel("recurrent F16", published_for_engine("state-spaces/mamba-130m-hf", "F16")),
    SpeedModel("hybrid Q8_0", drawn_model("hybrid", _HYBRID_SEED)),
)  # fmt: skip

_TYPES = ("Q4_0", "Q4_K", "Q5_K", "Q6_K", "Q8_0", "Q3_K", "Q2_K", "F16", "Q5_0", "IQ4_XS", "IQ4_NL", "BF16", "Q4_1")

#: Bytes of weights of a drawn model, at least and at most.
_DRAWN_BYTES = 60e6, 600e6


def drawn_speed_models(seed: int, count: int) -> tuple[SpeedModel, ...]:
    """Models in shapes and mixtures that nobody chose, every fourth with experts."""
    draw = random.Random(seed)
    found: list[SpeedModel] = []
    while len(found) < count:
        head = draw.choice((64, 64, 128))
        heads = draw.randint(6, 48)
        kv_heads = draw.choice([count for count in range(1, heads + 1) if not heads % count and heads // count <= 8])
        width = heads * head
        if not 384 <= width <= 3_072:
            continue
        kinds = [draw.choice([kind for kind in _TYPES if not width % TYPES_BY_NAME[kind].block_size]) for _ in range(3)]
        feed_forward = 256 * round(width * draw.uniform(2.0, 4.5) / 256)
        has_experts = len(found) % 4 == 3
        experts = Experts(count=draw.choice((8, 16, 32)), used=draw.choice((2, 4)), width=256 * draw.randint(1, 4))
        model = MadeUpModel(
            width=width, feed_forward=feed_forward, heads=heads, kv_heads=kv_heads, blocks=draw.randint(4, 32),
            vocabulary=1_024 * draw.randint(8, 64), weights=kinds[0], ffn_down=kinds[1], output=kinds[2],
            experts=experts if has_experts else None,
        )  # fmt: skip
        header = model.header()
        if _DRAWN_BYTES[0] <= header.data_bytes <= _DRAWN_BYTES[1]:
            mixture = "/".join(dict.fromkeys(kinds))
            found.append(SpeedModel(f"{'experts ' if has_experts else ''}{width}x{model.blocks} {mixture}", header))
    return tuple(found)
