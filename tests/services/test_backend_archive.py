"""Taking one file out of an archive that may lie about everything."""

from __future__ import annotations

import gzip
import io
import random
import resource
import tarfile
import threading
import time
from pathlib import Path

import pytest

from garden.core.errors import CancelledByUser, InvalidFileError, NotFoundError
from garden.services import backend_archive
from garden.services.backend_archive import Found, take_given, take_member
from tests.backend_files import archive_of, base_of

MEMBER = "package/bins/linux-x64-made/libggml-made.so"
CONTENT = bytes(range(256)) * 5_000
BASE = {"package/bins/linux-x64-made/libggml-base.so": base_of("0.25.1")}
NEVER = threading.Event()


def take(archive: Path, tmp_path: Path, size_bytes: int = len(CONTENT)) -> Path:
    target = tmp_path / "taken.so"
    take_member(archive, MEMBER, size_bytes, target, NEVER)
    return target


def special(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = to
    return info


def test_the_member_is_copied_and_nothing_else(tmp_path: Path) -> None:
    others = {"package/dist/index.js": b"raise", "../outside.so": b"!", "/tmp/outside.so": b"!"}
    archive = archive_of(tmp_path / "a.tgz", {**others, MEMBER: CONTENT, "package/later": b"x"})

    target = take(archive, tmp_path)

    assert target.read_bytes() == CONTENT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tgz", "taken.so"]
    assert not (tmp_path.parent / "outside.so").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
def test_a_member_that_is_no_file_is_refused(tmp_path: Path, kind: bytes) -> None:
    archive = special(tmp_path / "a.tgz", (link(MEMBER, "/etc/passwd", kind), b""))

    with pytest.raises(InvalidFileError):
        take(archive, tmp_path, 0)
    assert not (tmp_path / "taken.so").exists()


@pytest.mark.parametrize("size_bytes", [0, len(CONTENT) - 1, len(CONTENT) + 1])
def test_another_size_than_promised_is_refused(tmp_path: Path, size_bytes: int) -> None:
    with pytest.raises(InvalidFileError, match="something else than promised"):
        take(archive_of(tmp_path / "a.tgz", {MEMBER: CONTENT}), tmp_path, size_bytes)
    assert not (tmp_path / "taken.so").exists()


def test_an_archive_without_the_member(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match="does not hold"):
        take(archive_of(tmp_path / "a.tgz", {"package/other": b"x"}), tmp_path)


def test_a_truncation_gives_all_of_it_or_one_sentence(tmp_path: Path) -> None:
    content = random.Random(0).randbytes(200_000)
    whole = archive_of(tmp_path / "a.tgz", {MEMBER: content}).read_bytes()
    for end in range(0, len(whole) - 2_000, len(whole) // 40):
        (tmp_path / "cut.tgz").write_bytes(whole[:end])
        with pytest.raises(InvalidFileError) as caught:
            take(tmp_path / "cut.tgz", tmp_path, len(content))
        assert caught.value.sentence.endswith(".")
        assert not (tmp_path / "taken.so").exists()


@pytest.mark.parametrize("content", [b"", b"not gzip", gzip.compress(b"not tar" * 500), gzip.compress(b"\0" * 10_240)])
def test_what_is_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tgz").write_bytes(content)

    with pytest.raises(InvalidFileError):
        take(tmp_path / "a.tgz", tmp_path)


def test_a_header_that_claims_gigabytes_takes_neither_time_nor_memory(tmp_path: Path) -> None:
    # An extended header is read in one piece, before anything looks at it.
    info = tarfile.TarInfo("long")
    info.type = tarfile.XHDTYPE
    info.size = 4 * 1024**3
    (tmp_path / "a.tgz").write_bytes(gzip.compress(info.tobuf() + b"\0" * 100_000_000, 1))
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()

    with pytest.raises(InvalidFileError):
        take(tmp_path / "a.tgz", tmp_path)

    assert time.monotonic() - started < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_an_archive_that_swells_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_archive, "_MAX_UNPACKED_BYTES", 10_000_000)
    archive = archive_of(tmp_path / "a.tgz", {"package/zeros": bytes(30_000_000), MEMBER: CONTENT})

    with pytest.raises(InvalidFileError, match="not what it should be"):
        take(archive, tmp_path)


def test_too_many_members_are_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_archive, "_MAX_MEMBERS", 20)
    archive = archive_of(tmp_path / "a.tgz", {f"package/{n}": b"" for n in range(30)} | {MEMBER: CONTENT})

    with pytest.raises(InvalidFileError):
        take(archive, tmp_path)


def test_a_cancel_leaves_nothing(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a.tgz", {MEMBER: CONTENT})
    cancelled = threading.Event()
    cancelled.set()

    with pytest.raises(CancelledByUser):
        take_member(archive, MEMBER, len(CONTENT), tmp_path / "taken.so", cancelled)
    assert not (tmp_path / "taken.so").exists()


# --- given by hand ---


def given(path: Path, tmp_path: Path) -> Found:
    folder = tmp_path / "into"
    folder.mkdir(exist_ok=True)
    return take_given(path, folder, NEVER)


def test_an_archive_is_searched_for_its_backend_and_version(tmp_path: Path) -> None:
    inside = {"package/bins/x/libggml-cpu-haswell.so": b"c", "package/bins/x/libggml.so": b"g", MEMBER: CONTENT, **BASE}

    found = given(archive_of(tmp_path / "a.tar.gz", inside), tmp_path)

    assert found == Found("made", "libggml-made.so", "0.25.1")
    assert [path.name for path in (tmp_path / "into").iterdir()] == ["libggml-made.so"]
    assert (tmp_path / "into" / "libggml-made.so").read_bytes() == CONTENT


def test_links_in_an_archive_lead_nowhere(tmp_path: Path) -> None:
    archive = special(
        tmp_path / "a.tgz",
        (link("lib/libggml-made.so", "/etc/passwd"), b""),
        (link("lib/libggml-base.so", "libggml-base.so.0"), b""),
        (tarfile.TarInfo("lib/libggml-base.so.0"), base_of("0.25.1")),
    )

    with pytest.raises(NotFoundError, match="holds no ggml backend"):
        given(archive, tmp_path)
    assert list((tmp_path / "into").iterdir()) == []


def test_an_archive_with_several_backends_wants_a_choice(tmp_path: Path) -> None:
    inside = {"x/libggml-cuda.so": b"c", "x/libggml-vulkan.so": b"v", **BASE}

    with pytest.raises(InvalidFileError, match="several backends: cuda, vulkan"):
        given(archive_of(tmp_path / "a.tgz", inside), tmp_path)


def test_an_archive_without_a_base_does_not_tell_its_version(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match="not known which ggml"):
        given(archive_of(tmp_path / "a.tgz", {MEMBER: CONTENT}), tmp_path)


def library(folder: Path, name: str = "libggml-made.so", version: str | None = "0.25.1") -> Path:
    folder.mkdir()
    (folder / name).write_bytes(CONTENT)
    if version is not None:
        (folder / "libggml-base.so.0").write_bytes(base_of(version))
    return folder / name


def test_a_library_tells_its_version_by_the_base_beside_it(tmp_path: Path) -> None:
    found = given(library(tmp_path / "from", version="0.25.2-dev.1"), tmp_path)

    assert found == Found("made", "libggml-made.so", "0.25.2")
    assert (tmp_path / "into" / "libggml-made.so").read_bytes() == CONTENT


def test_a_library_without_a_base_beside_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match="not known which ggml"):
        given(library(tmp_path / "from", version=None), tmp_path)


def test_a_base_that_says_two_versions_says_none(tmp_path: Path) -> None:
    path = library(tmp_path / "from")
    (path.parent / "libggml-base.so.0").write_bytes(base_of("0.25.1") + base_of("0.23.0"))

    with pytest.raises(InvalidFileError, match="not known which ggml"):
        given(path, tmp_path)


@pytest.mark.parametrize(
    "name", ["libggml-base.so", "libggml-cpu.so", "libggml-rpc.so", "model.gguf", "libllama.so", "libggml-Made.so"]
)
def test_what_is_no_backend_for_a_gpu(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidFileError, match="not a ggml backend for a GPU"):
        given(library(tmp_path / "from", name), tmp_path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no file"):
        given(tmp_path / "nothing.so", tmp_path)


def test_a_library_larger_than_any_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_archive, "MAX_LIBRARY_BYTES", 1_000_000)

    with pytest.raises(InvalidFileError, match="larger than any backend"):
        given(library(tmp_path / "from"), tmp_path)
    assert list((tmp_path / "into").iterdir()) == []
