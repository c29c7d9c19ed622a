"""Projectors as publishers put them beside language models: true shapes, and a hole in place of the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.gguf.gguf_bytes import F16, F32, Tensor, Value, data_size, header_bytes


def encoder(
    projector: str,
    *,
    width: int,
    hidden: int,
    blocks: int,
    image: int,
    patch: int,
    to: int,
    behind: Sequence[Tensor],
    gated: bool = False,
    positions: bool = True,
    class_token: bool = False,
    **keys: Value,
) -> tuple[dict[str, Value], list[Tensor]]:
    """Keys and tensors of a vision encoder with its projector."""
    metadata: dict[str, Value] = {
        "general.architecture": "clip",
        "general.type": "mmproj",
        "clip.has_vision_encoder": True,
        "clip.projector_type": projector,
        "clip.use_silu" if gated else "clip.use_gelu": True,
        "clip.vision.image_size": image,
        "clip.vision.patch_size": patch,
        "clip.vision.embedding_length": width,
        "clip.vision.feed_forward_length": hidden,
        "clip.vision.block_count": blocks,
        "clip.vision.attention.head_count": 16,
        "clip.vision.projection_dim": to,
        "clip.vision.attention.layer_norm_epsilon": 1e-6,
        "clip.vision.image_mean": [0.5, 0.5, 0.5],
        "clip.vision.image_std": [0.5, 0.5, 0.5],
        **{f"clip.vision.{key}".replace("__", "."): value for key, value in keys.items()},
    }
    tensors: list[Tensor] = [("v.patch_embd.weight", (patch, patch, 3, width), F16)]
    if positions:
        tensors.append(("v.position_embd.weight", (width, (image // patch) ** 2 + class_token), F32))
        tensors.append(("v.patch_embd.bias", (width,), F32))
    if class_token:
        tensors.append(("v.class_embd", (width,), F32))
    for block in range(blocks):
        tensors += [(f"v.blk.{block}.{name}.weight", (width,), F32) for name in ("ln1", "ln2")]
        if not gated:
            tensors += [(f"v.blk.{block}.{name}.bias", (width,), F32) for name in ("ln1", "ln2")]
        matrices = [(name, width, width) for name in ("attn_q", "attn_k", "attn_v", "attn_out")]
        matrices += [("ffn_up", width, hidden), ("ffn_down", hidden, width)]
        matrices += [("ffn_gate", width, hidden)] if gated else []
        for name, columns, rows in matrices:
            tensors.append((f"v.blk.{block}.{name}.weight", (columns, rows), F16))
            tensors.append((f"v.blk.{block}.{name}.bias", (rows,), F32))
    if not gated:
        tensors += [("v.post_ln.weight", (width,), F32), ("v.post_ln.bias", (width,), F32)]
    return metadata, [*tensors, *behind]


def _merger(width: int, to: int) -> list[Tensor]:
    wide = 4 * width
    return [
        ("v.patch_embd.weight.1", (14, 14, 3, width), F16),
        ("mm.0.weight", (wide, wide), F16),
        ("mm.0.bias", (wide,), F32),
        ("mm.2.weight", (wide, to), F16),
        ("mm.2.bias", (to,), F32),
    ]


def _two_layers(prefix: str, numbers: tuple[int, int], sizes: tuple[int, int, int]) -> list[Tensor]:
    first, second, third = sizes
    return [
        (f"{prefix}.{numbers[0]}.weight", (first, second), F16),
        (f"{prefix}.{numbers[0]}.bias", (second,), F32),
        (f"{prefix}.{numbers[1]}.weight", (second, third), F16),
        (f"{prefix}.{numbers[1]}.bias", (third,), F32),
    ]


FAMILIES: Mapping[str, tuple[dict[str, Value], list[Tensor]]] = {
    "Gemma 3": encoder(
        "gemma3", width=1_152, hidden=4_304, blocks=27, image=896, patch=14, to=2_560,
        behind=[("mm.input_projection.weight", (2_560, 1_152), F16), ("mm.soft_emb_norm.weight", (1_152,), F32)],
    ),
    "LLaVA": encoder(
        "mlp", width=1_024, hidden=4_096, blocks=23, image=336, patch=14, to=4_096, class_token=True,
        behind=[("v.pre_ln.weight", (1_024,), F32), ("v.pre_ln.bias", (1_024,), F32),
                *_two_layers("mm", (0, 2), (1_024, 4_096, 4_096))],
    ),
    "SmolVLM": encoder(
        "idefics3", width=768, hidden=3_072, blocks=12, image=512, patch=16, to=2_048, projector__scale_factor=4,
        behind=[("mm.model.fc.weight", (768 * 16, 2_048), F16)],
    ),
    "InternVL": encoder(
        "internvl", width=1_024, hidden=4_096, blocks=24, image=448, patch=14, to=896, class_token=True,
        projector__scale_factor=2,
        behind=[("mm.model.mlp.0.weight", (4_096,), F32), ("mm.model.mlp.0.bias", (4_096,), F32),
                *_two_layers("mm.model.mlp", (1, 3), (4_096, 896, 896))],
    ),
    "Pixtral": encoder(
        "pixtral", width=1_024, hidden=4_096, blocks=24, image=1_024, patch=14, to=5_120, gated=True, positions=False,
        spatial_merge_size=2,
        behind=[("v.pre_ln.weight", (1_024,), F32), ("mm.input_norm.weight", (1_024,), F32),
                ("mm.patch_merger.weight", (4_096, 1_024), F16), ("v.token_embd.img_break", (5_120,), F32),
                *_two_layers("mm", (1, 2), (1_024, 5_120, 5_120))],
    ),
    "Qwen2-VL": encoder(
        "qwen2vl_merger", width=1_280, hidden=5_120, blocks=32, image=560, patch=14, to=1_536, positions=False,
        behind=_merger(1_280, 1_536),
    ),
    "Qwen2.5-VL": encoder(
        "qwen2.5vl_merger", width=1_280, hidden=3_420, blocks=32, image=560, patch=14, to=2_048, gated=True,
        positions=False, n_wa_pattern=8, window_size=112,
        behind=[("v.post_ln.weight", (1_280,), F32), *_merger(1_280, 2_048)],
    ),
}  # fmt: skip


def write_projector(path: Path, family: str) -> Path:
    """A file of one of the families."""
    metadata, tensors = FAMILIES[family]
    head = header_bytes(metadata, tensors)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + sum(-(-data_size(shape, kind) // 32) * 32 for _name, shape, kind in tensors))
    return path
