from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from garden.core.library_entry import LibraryEntry
from garden.services.duplicates import duplicates
from garden.services.garden import Garden
from tests.services.other_programs.store_files import in_ollama


@pytest.fixture
def folder(garden: Garden, tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    garden.library.add_folder(folder).result(20)
    return folder


def hashed(garden: Garden) -> tuple[LibraryEntry, ...]:
    for entry in garden.library.scan().result(20):
        garden.library.verify(entry).result(20)
    return garden.library.entries()


def test_copies_are_found_and_another_programs_is_the_one_to_keep(
    garden: Garden, folder: Path, tiny_model: Path, other_tiny_model: Path
) -> None:
    in_ollama(tiny_model)
    shutil.copyfile(tiny_model, folder / "Copy-F16.gguf")
    shutil.copyfile(tiny_model, folder / "Another-F16.gguf")
    shutil.copyfile(other_tiny_model, folder / "Single-F16.gguf")

    (group,) = duplicates(hashed(garden))

    assert [entry.ref.name for entry in group.entries] == ["tiny:latest", "Another", "Copy"]
    assert group.twice_bytes == 2 * tiny_model.stat().st_size


def test_hard_links_of_one_file_are_not_twice(garden: Garden, folder: Path, tiny_model: Path) -> None:
    shutil.copyfile(tiny_model, folder / "One-F16.gguf")
    os.link(folder / "One-F16.gguf", folder / "Two-F16.gguf")

    assert len(hashed(garden)) == 2
    assert duplicates(garden.library.entries()) == ()


def test_what_nobody_hashed_is_not_said_to_be_twice(garden: Garden, folder: Path, tiny_model: Path) -> None:
    for name in ("One-F16.gguf", "Two-F16.gguf"):
        shutil.copyfile(tiny_model, folder / name)

    assert duplicates(garden.library.scan().result(20)) == ()
