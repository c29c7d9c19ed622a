from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garden.core.errors import RefusedError
from garden.hub.filename import check_filenames, filename_problem, path_inside


@pytest.mark.parametrize(
    "name",
    ["model.gguf", "Q4_K_M/model-00001-of-00002.gguf", ".gitattributes", "a b.gguf", "模型.gguf", "con-fig.json"],
)
def test_ordinary_names(name: str) -> None:
    assert filename_problem(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "", "..", "../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a/.", "C:/x", "C:x", "\\\\host\\share", "a\\b",
        "x\0y", "x\ny", "x\u202egguf.exe", "x\u200b", "a.", "a ", " a", "dir./x", "dir /x", "CON", "con.gguf",
        "a/NUL.txt", "Aux", "com1.gguf", "LPT9", "com¹", "conin$", "a:b", "a|b", "a*b", "a?b", '"a"', "<a>", "\ud800",
        "x" * 256, "y/" * 17 + "z", "é" * 128, "/".join(["d" * 200] * 6),
    ],
)  # fmt: skip
def test_names_that_are_not_safe(name: str) -> None:
    assert filename_problem(name) is not None
    with pytest.raises(RefusedError, match="not safe"):
        check_filenames(["ok.gguf", name])


def test_names_that_are_one_file_on_some_systems() -> None:
    with pytest.raises(RefusedError, match="same file"):
        check_filenames(["Model.gguf", "model.GGUF"])
    with pytest.raises(RefusedError, match="same file"):
        check_filenames(["caf\u00e9.gguf", "cafe\u0301.gguf"])


def test_the_same_name_twice_is_one_name() -> None:
    check_filenames(["a.gguf", "a.gguf"])


def test_a_link_does_not_lead_out(tmp_path: Path) -> None:
    inside, outside = tmp_path / "snapshot", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "sub").symlink_to(outside)
    assert path_inside(inside, "a/b.gguf") == inside / "a" / "b.gguf"
    with pytest.raises(RefusedError, match="outside"):
        path_inside(inside, "sub/b.gguf")


@given(st.text(max_size=40))
def test_whatever_passes_stays_in_its_folder(name: str) -> None:
    if filename_problem(name) is None:
        path = os.path.normpath(f"/root/folder/{name}")
        assert path.startswith("/root/folder/")
