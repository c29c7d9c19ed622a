"""Design tokens: every colour, size and type style of the look, read from ``resources/look/tokens.json``."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from garden.core.paths import resource_path

Scheme = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class TypeStyle:
    """One step of the type scale.

    Attributes:
        size: Logical pixels at 100 % text size.
        line: Height of a line, logical pixels.
        weight: 100..900.
    """

    size: float
    line: float
    weight: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """The values of the look. Colours are ``#RRGGBB`` or ``#RRGGBBAA``, sizes logical pixels at 100 % text size.

    Attributes:
        colors: Per scheme, dotted name to value, e.g. ``bg.window``.
        sizes: Named sizes, e.g. ``row_model``.
        radii: Corner radii, e.g. ``control``.
        styles: Type styles by name, e.g. ``body``.
        families: Families of running text, the preferred first.
        mono_families: Families of code and figures of files, the preferred first.
        progress_ms: Easing of progress.
        fade_ms: Fade of popovers.
    """

    colors: Mapping[Scheme, Mapping[str, str]]
    sizes: Mapping[str, int]
    radii: Mapping[str, int]
    styles: Mapping[str, TypeStyle]
    families: tuple[str, ...]
    mono_families: tuple[str, ...]
    progress_ms: int
    fade_ms: int


def _flatten(tree: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            flat.update(_flatten(value, f"{name}."))
        else:
            flat[name] = str(value)
    return flat


@functools.cache
def load_tokens() -> Tokens:
    """Read the tokens; the file is a resource of the program, so one reading lasts.

    Raises:
        NotFoundError: The resource is missing.
    """
    document = json.loads(resource_path("look/tokens.json").read_text(encoding="utf-8"))
    type_scale = document["type"]["scale"]
    return Tokens(
        colors={"light": _flatten(document["light"]), "dark": _flatten(document["dark"])},
        sizes=document["size"],
        radii=document["radius"],
        styles={name: TypeStyle(step["size"], step["line"], step["weight"]) for name, step in type_scale.items()},
        families=tuple(document["type"]["family"]),
        mono_families=tuple(document["type"]["mono"]),
        progress_ms=document["motion"]["progress_ms"],
        fade_ms=document["motion"]["popover_fade_ms"],
    )
