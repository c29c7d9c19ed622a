"""The project file against the tree: what a wheel would leave out is not noticed in a checkout."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_package_is_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    folders = {path.parent for path in (ROOT / "garden").rglob("*.py")}
    expected = {".".join(folder.relative_to(ROOT).parts) for folder in folders} | {"garden._resources"}

    assert set(project["tool"]["setuptools"]["packages"]) == expected


def test_every_folder_of_modules_is_a_package() -> None:
    missing = [
        folder
        for top in ("garden", "tests")
        for folder in {path.parent for path in (ROOT / top).rglob("*.py")}
        if not (folder / "__init__.py").exists()
    ]

    assert missing == []


#: What front ends may take from these rooms: values, pure functions, and the one way to write a file.
OPEN_TO_FRONT_ENDS = {
    "hub": {"address", "search_query"},
    "quantization": {"fallback_text", "offered_types", "own_runs", "plan", "published"},
    "store": {"atomic_file", "forecasts", "replays", "settings"},
}


def test_front_ends_are_kept_from_every_other_module_of_a_room() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    (contract,) = [contract for contract in contracts if contract["name"] == "Front ends work through services"]
    modules = {
        f"garden.{room}.{path.stem}"
        for room, open_modules in OPEN_TO_FRONT_ENDS.items()
        for path in (ROOT / "garden" / room).glob("*.py")
        if path.stem not in {"__init__", *open_modules}
    }
    whole_rooms = {f"garden.{room}" for room in ("comparison", "engine", "hardware", "inference", "process")}

    assert set(contract["forbidden_modules"]) == modules | whole_rooms
