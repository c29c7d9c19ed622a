"""LM Studio's store: GGUF files as ``publisher/model/file.gguf``, a vision projector beside them as ``mmproj-…``."""

from __future__ import annotations

import os
from pathlib import Path

from garden.hub.file_grouping import is_projector
from garden.services.gguf_files import gguf_files
from garden.services.model_name import display_name
from garden.services.other_programs.found_model import FoundModel, plain_name
from garden.services.other_programs.small_file import inside


def lm_studio_models(store: Path) -> tuple[FoundModel, ...]:
    """The models of a store; links that lead out of it are passed over.

    Args:
        store: The folder of publishers; it need not exist.
    """
    root = Path(os.path.realpath(store))
    files = [path for path in gguf_files(root) if inside(path, root)]
    found = []
    for path in files:
        if is_projector(path.name):
            continue
        parts = path.relative_to(root).parts
        projector = next((other for other in files if other.parent == path.parent and is_projector(other.name)), None)
        found.append(
            FoundModel(
                program="lm_studio",
                name=plain_name(display_name(path.stem)),
                path=path,
                publisher=plain_name(parts[0]) if len(parts) >= 3 else None,
                beside=() if projector is None else (projector,),
            )
        )
    return tuple(found)
