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
