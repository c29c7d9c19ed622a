from __future__ import annotations

from pathlib import Path

import pytest

from garden.core.errors import InvalidFileError
from garden.gguf.shard_set import shard_names, shard_of, shard_paths


def test_a_shards_name_says_its_set() -> None:
    assert shard_of("a-Q4_K_M-00002-of-00003.gguf") == ("a-Q4_K_M", 2, 3)
    assert shard_names("a-00002-of-00003.gguf") == tuple(f"a-0000{number}-of-00003.gguf" for number in (1, 2, 3))


@pytest.mark.parametrize("name", ["a.gguf", "a-00000-of-00003.gguf", "a-00004-of-00003.gguf", "a-00001-of-99999.gguf"])
def test_other_names_are_whole_files(name: str) -> None:
    assert (shard_of(name), shard_names(name)) == (None, (name,))


def test_all_shards_are_found_from_any(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"m-0000{number}-of-00002.gguf").touch()

    assert [path.name for path in shard_paths(tmp_path / "m-00002-of-00002.gguf")] == [
        "m-00001-of-00002.gguf",
        "m-00002-of-00002.gguf",
    ]


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    (tmp_path / "m-00001-of-00003.gguf").touch()

    with pytest.raises(InvalidFileError, match="2 of 3 parts of this model are missing, the first is m-00002-of-00003"):
        shard_paths(tmp_path / "m-00001-of-00003.gguf")
