from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from garden.core.errors import RefusedError
from garden.services.garden import Garden


@pytest.fixture
def downloads(tmp_path: Path, tiny_model: Path) -> Path:
    """A folder of many things."""
    folder = tmp_path / "Downloads"
    folder.mkdir()
    for name in ("Wanted-F16.gguf", "Unwanted-F16.gguf"):
        shutil.copyfile(tiny_model, folder / name)
    return folder


def names(garden: Garden) -> list[str]:
    return [entry.ref.name for entry in garden.library.scan().result(20)]


def test_an_added_file_brings_no_other_of_its_folder(garden: Garden, downloads: Path) -> None:
    entry = garden.library.add_file(downloads / "Wanted-F16.gguf")

    assert (entry.ref.name, entry.problem) == ("Wanted", None)
    assert names(garden) == ["Wanted"]
    current = garden.settings.current
    assert (current.folders, current.files) == ((), (str(downloads / "Wanted-F16.gguf"),))


def test_it_is_still_listed_in_the_next_session(garden: Garden, downloads: Path) -> None:
    garden.library.add_file(downloads / "Wanted-F16.gguf")

    with Garden.open() as again:
        assert names(again) == ["Wanted"]


def test_a_file_that_is_listed_anyway_is_not_noted_again(garden: Garden, downloads: Path) -> None:
    garden.library.add_folder(downloads).result(20)

    garden.library.add_file(downloads / "Wanted-F16.gguf")

    assert garden.settings.current.files == ()


def test_a_later_shard_adds_the_set(garden: Garden, downloads: Path, tiny_model: Path) -> None:
    for number in (1, 2):
        shutil.copyfile(tiny_model, downloads / f"Big-F16-0000{number}-of-00002.gguf")

    entry = garden.library.add_file(downloads / "Big-F16-00002-of-00002.gguf")

    assert entry.ref.path == str(downloads / "Big-F16-00001-of-00002.gguf")
    assert names(garden) == ["Big"]


def test_a_file_without_an_ending_is_taken(garden: Garden, tmp_path: Path, tiny_model: Path) -> None:
    blob = Path(shutil.copyfile(tiny_model, tmp_path / ("sha256-" + "a" * 64)))

    assert garden.library.add_file(blob).architecture == "llama"
    assert len(names(garden)) == 1


def test_a_file_that_is_gone_is_told_and_can_be_forgotten(garden: Garden, downloads: Path) -> None:
    path = downloads / "Wanted-F16.gguf"
    garden.library.add_file(path)
    path.rename(downloads / "elsewhere")

    (entry,) = garden.library.scan().result(20)

    assert entry.problem == f"It is no longer in {downloads}. Put it back, or forget it."
    garden.library.forget(entry)
    assert names(garden) == []
    assert garden.settings.current.files == ()


def test_a_file_that_came_back_is_whole_again(garden: Garden, downloads: Path) -> None:
    path = downloads / "Wanted-F16.gguf"
    garden.library.add_file(path)
    path.rename(downloads / "elsewhere")
    garden.library.scan().result(20)
    (downloads / "elsewhere").rename(path)

    (entry,) = garden.library.scan().result(20)

    assert entry.problem is None


def test_forgetting_leaves_the_file(garden: Garden, downloads: Path) -> None:
    entry = garden.library.add_file(downloads / "Wanted-F16.gguf")

    garden.library.forget(entry)

    assert names(garden) == []
    assert (downloads / "Wanted-F16.gguf").exists()


def test_only_a_single_file_can_be_forgotten(garden: Garden, downloads: Path) -> None:
    garden.library.add_folder(downloads).result(20)

    with pytest.raises(RefusedError):
        garden.library.forget(garden.library.entries()[0])


def test_removing_it_forgets_it(garden: Garden, downloads: Path) -> None:
    entry = garden.library.add_file(downloads / "Wanted-F16.gguf")

    garden.library.remove(entry, to_trash=False)

    assert garden.settings.current.files == ()
    assert names(garden) == []
