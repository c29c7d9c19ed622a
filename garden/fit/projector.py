"""What images or sound take beside a language model: the projector that publishers put into a file of its own.

Weights are the file's tensors to the byte; the compute buffer is the engine's at its warm-up image (``clip.cpp``):
per patch a row of the feed-forward and three of the width, in floats. Against the engine's own figures
(``mtmd_get_memory_usage``) on files of nine families the sum was within 5 %, in five of them within 0.2 %; a larger
image takes more while it is read.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from garden.core.fit_forecast import FitForecast, Placement, Verdict
from garden.fit.verdict import amount
from garden.gguf.header import GgufHeader

#: Architecture, or ``general.type``, of such a file.
_PROJECTORS = frozenset({"clip", "mmproj"})

#: Tokens of the warm-up image where it is not the file's ``image_size``, and patches side by side in a token.
_WARM_UP: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("qwen2vl_merger", "qwen2.5vl_merger", "qwen3vl_merger", "ling3vl"), (46 * 46, 2)),
    **dict.fromkeys(("glm4v", "glm5v", "mimovl", "exaone4_5", "dots_ocr", "dots3note_v"), (46 * 46, 2)),
    **dict.fromkeys(("pixtral", "lightonocr", "kimivl"), (256, 2)),
    **dict.fromkeys(("gemma4v", "gemma4uv"), (256, 3)),
    **dict.fromkeys(("hunyuanvl", "muse-glimmer"), (32 * 32, 2)),
    **dict.fromkeys(("minimax_m3", "youtuvl"), (256, 2)),
    "paddleocr": (28 * 28, 2),
    "phi4": (256, 1),
}

#: Positions of half a minute of sound in an encoder of the usual kind.
_SOUND_POSITIONS = 1_500

#: No image has more patches.
_MOST_PATCHES = 2**16


@dataclass(frozen=True, slots=True, kw_only=True)
class Projector:
    """What a projector takes.

    Attributes:
        weights_bytes: Its weights.
        compute_bytes: Its compute buffer, an estimate.
        images: Whether it reads images.
        sound: Whether it reads sound.
    """

    weights_bytes: int
    compute_bytes: int
    images: bool
    sound: bool

    @property
    def total_bytes(self) -> int:
        """Sum of the two."""
        return self.weights_bytes + self.compute_bytes

    @property
    def reads(self) -> str:
        """``Images``, ``Sound``, ``Images and sound``."""
        if self.images and self.sound:
            return "Images and sound"
        return "Sound" if self.sound else "Images"


def projector_of(header: GgufHeader) -> Projector | None:
    """What a file takes beside the language model; None when it is no projector.

    Args:
        header: Of the projector's file.
    """
    if header.architecture not in _PROJECTORS and header.text("general.type") not in _PROJECTORS:
        return None
    images, sound = (header.metadata.get(f"clip.has_{what}_encoder") is True for what in ("vision", "audio"))
    compute = 0
    if images or not sound:
        patches = _patches(header)
        compute = _compute_bytes(header, "vision", patches)
        if _whole(header, "clip.vision.n_wa_pattern"):
            # Attention in windows comes with a mask for every pair of patches, in two types.
            compute += 6 * patches**2
    if sound:
        compute += _compute_bytes(header, "audio", _SOUND_POSITIONS)
    return Projector(
        weights_bytes=sum(tensor.size_bytes for tensor in header.tensors),
        compute_bytes=compute,
        images=images or not sound,
        sound=sound,
    )


def with_projector(forecast: FitForecast, projector: Projector | None) -> FitForecast:
    """The forecast with what images or sound take beside it, and whether that is free as well.

    It is no part of the total: a chat of text does not load it.
    """
    if projector is None or forecast.total_bytes is None:
        return forecast
    takes = "takes" if projector.reads == "Sound" else "take"
    sentence = f"{projector.reads} {takes} {amount(projector.total_bytes)} more"
    if forecast.verdict in (Verdict.FITS, Verdict.TIGHT):
        # Engines put a projector on the GPU as soon as any layer lies there.
        kind = "gpu" if forecast.placement in (Placement.GPU, Placement.SPLIT) else "ram"
        spare = max(
            (device.available_bytes - device.need_bytes for device in forecast.devices if device.kind == kind),
            default=0,
        )
        sentence += ", which is free as well" if spare >= projector.total_bytes else ", which is not free"
    return dataclasses.replace(
        forecast, projector_bytes=projector.total_bytes, reason=f"{forecast.reason} {sentence}.".strip()
    )


def _patches(header: GgufHeader) -> int:
    kind = header.text("clip.vision.projector_type") or header.text("clip.projector_type") or ""
    if kind in _WARM_UP:
        tokens, side = _WARM_UP[kind]
        merge = _whole(header, "clip.vision.spatial_merge_size") or _whole(header, "clip.vision.projector.scale_factor")
        return min(tokens * (merge or side) ** 2, _MOST_PATCHES)
    size, patch = _whole(header, "clip.vision.image_size"), _whole(header, "clip.vision.patch_size")
    return min((size // patch) ** 2, _MOST_PATCHES) if patch else 0


def _compute_bytes(header: GgufHeader, part: str, positions: int) -> int:
    width, hidden = (_whole(header, f"clip.{part}.{key}") for key in ("embedding_length", "feed_forward_length"))
    return 4 * positions * (hidden + 3 * width)


def _whole(header: GgufHeader, key: str) -> int:
    value = header.metadata.get(key)
    return min(max(value, 0), 2**24) if isinstance(value, int) else 0
