"""What counts as an added backend: a whole record beside the plug-in that it speaks of."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from garden.core.added_backend import (
    RECORD,
    AddedBackend,
    SelfTest,
    added_backends,
    backends_dir,
    is_plain,
    read_record,
    same_minor,
)

PLUG_IN = b"a plug-in"


def record(name: str = "vulkan", library: str = "libggml-vulkan.so") -> AddedBackend:
    return AddedBackend(
        name=name,
        backend="Vulkan",
        library=library,
        size_bytes=len(PLUG_IN),
        sha256="0" * 64,
        source="by hand",
        ggml_version="0.25.1",
        engine_version="0.3.36",
        self_test=SelfTest(
            model="Tiny",
            devices=("Vulkan0",),
            tokens=16,
            same_text=True,
            largest_gap=0.0,
            device_bytes=1,
            seconds=1.0,
            tested_at=1.0,
        ),
    )


def write(folder: Path, written: AddedBackend, plug_in: bytes = PLUG_IN) -> Path:
    folder.mkdir(parents=True)
    (folder / written.library).write_bytes(plug_in)
    (folder / RECORD).write_bytes(msgspec.json.encode(written))
    return folder


def test_a_whole_folder_is_a_backend() -> None:
    write(backends_dir() / "vulkan", record())

    (found,) = added_backends()

    assert found == record()
    assert found.path == backends_dir() / "vulkan" / "libggml-vulkan.so"


def test_no_folder_is_no_backend() -> None:
    assert added_backends() == ()


def test_cuda_comes_before_vulkan() -> None:
    for name in ("vulkan", "cuda"):
        write(backends_dir() / name, record(name))

    assert [found.name for found in added_backends()] == ["cuda", "vulkan"]


def test_a_folder_without_a_record_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "vulkan").mkdir()
    (tmp_path / "vulkan" / "libggml-vulkan.so").write_bytes(PLUG_IN)

    assert added_backends(tmp_path) == ()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"name": "vulkan"}', b"\xff\xfe", b"{" * 200_000])
def test_a_damaged_record_does_not_count(tmp_path: Path, content: bytes) -> None:
    folder = write(tmp_path / "vulkan", record())
    (folder / RECORD).write_bytes(content)

    assert read_record(folder) is None


def test_a_plug_in_of_another_size_does_not_count(tmp_path: Path) -> None:
    assert read_record(write(tmp_path / "vulkan", record(), PLUG_IN + b"!")) is None


@pytest.mark.parametrize("library", ["../vulkan/libggml-vulkan.so", "/etc/hostname", "..", ".hidden", ""])
def test_a_record_names_a_file_of_its_own_folder(tmp_path: Path, library: str) -> None:
    folder = write(tmp_path / "vulkan", record())
    (folder / RECORD).write_bytes(msgspec.json.encode(record(library=library)))

    assert read_record(folder) is None


def test_a_record_of_another_name_does_not_count(tmp_path: Path) -> None:
    assert read_record(write(tmp_path / "vulkan", record("cuda"))) is None


def test_a_link_to_a_plug_in_does_not_count(tmp_path: Path) -> None:
    folder = write(tmp_path / "vulkan", record())
    elsewhere = tmp_path / "elsewhere.so"
    (folder / "libggml-vulkan.so").rename(elsewhere)
    (folder / "libggml-vulkan.so").symlink_to(elsewhere)

    assert read_record(folder) is None


@pytest.mark.parametrize(
    ("one", "other", "fit"),
    [
        ("0.25.1", "0.25.3", True),
        ("0.25.1", "0.25", True),
        ("0.23.0", "0.25.3", False),
        ("1.25.1", "0.25.1", False),
        ("0.25.1", None, False),
        ("", "", False),
        ("new", "new", False),
    ],
)
def test_versions_fit_by_their_minor_number(one: str, other: str | None, fit: bool) -> None:
    assert same_minor(one, other) is fit


@pytest.mark.parametrize("name", ["vulkan", "libggml-vulkan.so", "libggml-base.so.0.25.3"])
def test_plain_names(name: str) -> None:
    assert is_plain(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", ".new-1", "a.", "c:", "a\n", "ä", "x" * 200])
def test_names_that_could_lead_elsewhere(name: str) -> None:
    assert not is_plain(name)
