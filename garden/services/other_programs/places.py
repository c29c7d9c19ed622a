"""Where other programs keep their models, by their own rules, on Linux, macOS and Windows."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from garden.services.other_programs.small_file import read_small

#: Settings files of other programs are some kilobytes.
_MAX_SETTINGS_BYTES = 1024 * 1024

#: Where Ollama's service on Linux keeps its models.
_OLLAMA_SERVICE = Path("/usr/share/ollama/.ollama/models")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What decides where a program keeps its files.

    Attributes:
        home: The user's home folder.
        platform: ``sys.platform``.
        environment: Variables.
        whole_system: Whether folders outside of the home are looked at too.
    """

    home: Path
    platform: str
    environment: Mapping[str, str]
    whole_system: bool = True

    @classmethod
    def here(cls) -> Surroundings:
        """Those of this process. GARDEN_STORES_HOME puts another folder in the place of the home, and of the system."""
        chosen = os.environ.get("GARDEN_STORES_HOME")
        if chosen:
            return cls(home=Path(chosen), platform=sys.platform, environment={}, whole_system=False)
        return cls(home=Path.home(), platform=sys.platform, environment=os.environ)

    @property
    def data(self) -> Path:
        """Where programs keep their data."""
        if self.platform == "win32":
            return self._named("APPDATA", self.home / "AppData" / "Roaming")
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        return self._named("XDG_DATA_HOME", self.home / ".local" / "share")

    @property
    def config(self) -> Path:
        """Where programs keep their settings; that of the data but on Linux."""
        return self._named("XDG_CONFIG_HOME", self.home / ".config") if self.platform == "linux" else self.data

    def _named(self, variable: str, fallback: Path) -> Path:
        """What a variable names, when it is an absolute path."""
        named = self.environment.get(variable, "")
        return Path(named) if named and Path(named).is_absolute() else fallback


def ollama_stores(around: Surroundings) -> tuple[Path, ...]:
    """Folders with ``manifests`` and ``blobs``: OLLAMA_MODELS, the user's own, the service's."""
    named = around.environment.get("OLLAMA_MODELS", "")
    stores = [Path(named)] if named and Path(named).is_absolute() else []
    stores.append(around.home / ".ollama" / "models")
    if around.whole_system and around.platform == "linux":
        stores.append(_OLLAMA_SERVICE)
    return _each_once(stores)


def lm_studio_stores(around: Surroundings) -> tuple[Path, ...]:
    """Folders with ``publisher/model/file.gguf``: the one that its settings name, then those of either home it had."""
    homes = [around.home / ".lmstudio", around.home / ".cache" / "lm-studio"]
    pointer = read_small(around.home / ".lmstudio-home-pointer", 4_096)
    if pointer is not None and (named := _path_of(pointer.decode("utf-8", "replace").strip())):
        homes.insert(0, named)
    stores: list[Path] = []
    for home in homes:
        if chosen := _path_of(_setting(home / "settings.json", "downloadsFolder")):
            stores.append(chosen)
        stores.append(home / "models")
    return _each_once(stores)


def jan_data_folders(around: Surroundings) -> tuple[Path, ...]:
    """Data folders, each with ``llamacpp/models``: the one that is named, then the usual ones."""
    folders: list[Path] = []
    if named := _path_of(around.environment.get("JAN_DATA_FOLDER", "")):
        folders.append(named)
    for root in (around.data, around.config):
        if chosen := _path_of(_setting(root / "Jan" / "settings.json", "data_folder")):
            folders.append(chosen)
        folders.append(root / "Jan" / "data")
    return _each_once(folders)


def older_jan_stores(around: Surroundings) -> tuple[Path, ...]:
    """Folders of GGUF files of a Jan before its data folder moved."""
    return (around.home / "jan" / "models",)


def _setting(path: Path, name: str) -> str:
    """A text of a JSON file's top level, empty when there is none."""
    content = read_small(path, _MAX_SETTINGS_BYTES)
    try:
        document = msgspec.json.decode(content) if content is not None else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, str) else ""


def _path_of(text: str) -> Path | None:
    """An absolute path that a text names, None when it names none that could be a folder of models."""
    if not text or len(text) > 4_096 or "\x00" in text:
        return None
    path = Path(text)
    # A whole disk is nobody's folder of models.
    return path if path.is_absolute() and path != Path(path.anchor) and ".." not in path.parts else None


def _each_once(folders: list[Path]) -> tuple[Path, ...]:
    return tuple({os.path.realpath(folder): folder for folder in reversed(folders)}.values())[::-1]
