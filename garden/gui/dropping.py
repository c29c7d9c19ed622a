"""What may be dropped on the window: GGUF files, and folders that may hold some."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QDragEnterEvent, QDropEvent


def dropped_paths(event: QDragEnterEvent | QDropEvent) -> list[Path]:
    """Everything that is dragged, when a model may be among it, else nothing."""
    paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
    return paths if any(may_hold_models(path) for path in paths) else []


def may_hold_models(path: Path) -> bool:
    """Whether the library takes it by its name: a GGUF file, one without an ending (a blob, say), or a folder."""
    return path.suffix.lower() in (".gguf", "") or path.is_dir()
