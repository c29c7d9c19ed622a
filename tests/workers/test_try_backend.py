"""The trial of a backend as a real child, on backends that misbehave and on the real one."""

from __future__ import annotations

import tarfile
import threading
import time
from pathlib import Path

import pytest

from garden.core.backend_messages import (
    BackendTested,
    BackendTestOutput,
    FindLibraries,
    LibrariesFound,
    TryBackend,
)
from garden.core.errors import CancelledByUser, EngineError, NotFoundError, TimeLimitError, WorkerDiedError
from garden.core.messages import Progress
from garden.process.task import run_task
from garden.services.backend_archive import take_given
from tests.backend_files import FITTING_GGML, compiled

pytestmark = pytest.mark.engine


def try_it(library: Path, *, limit_seconds: float = 100, ggml: str = FITTING_GGML, model: str = "") -> BackendTested:
    request = TryBackend(
        library=str(library), ggml_version=ggml, model=model, model_name="Starter", tokens=4, threads=2
    )
    return run_task("try_backend", request, BackendTestOutput, BackendTested, limit_seconds=limit_seconds)


@pytest.mark.parametrize(
    ("behaviour", "kind", "sentence"),
    [
        ("no device", NotFoundError, "Made backend can be loaded, but finds no device"),
        ("another interface", EngineError, "built for another version of ggml"),
        ("no backend", EngineError, "cannot be loaded as a backend"),
        ("crashes", WorkerDiedError, "aborted"),
        ("ends", WorkerDiedError, "ended with code 0"),
    ],
)
def test_what_a_backend_can_do_wrong(tmp_path: Path, behaviour: str, kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        try_it(compiled(tmp_path, behaviour))


def test_a_file_that_is_no_library_is_refused(tmp_path: Path) -> None:
    library = tmp_path / "libggml-made.so"
    library.write_bytes(b"not a library")

    with pytest.raises(EngineError, match=r"libggml-made\.so cannot be loaded as a backend"):
        try_it(library)


def test_another_ggml_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"built for ggml 0\.1\.0, and this engine has ggml 0\.\d+"):
        try_it(compiled(tmp_path, "crashes"), ggml="0.1.0")


def test_a_backend_that_hangs_is_ended_at_the_limit(tmp_path: Path) -> None:
    library = compiled(tmp_path, "hangs")
    started = time.monotonic()

    with pytest.raises(TimeLimitError, match="not ended after 4 s"):
        try_it(library, limit_seconds=4)

    assert time.monotonic() - started < 20


def test_a_hanging_trial_can_be_cancelled(tmp_path: Path) -> None:
    library = compiled(tmp_path, "hangs")
    cancelled = threading.Event()

    def report(progress: Progress) -> None:
        if progress.note.startswith("Loading"):
            cancelled.set()

    with pytest.raises(CancelledByUser):
        run_task(
            "try_backend",
            TryBackend(library=str(library), ggml_version=FITTING_GGML, model="", model_name="", threads=2),
            BackendTestOutput,
            BackendTested,
            on_progress=report,
            cancelled=cancelled,
            grace_seconds=0.2,
        )


def test_a_library_that_the_system_lacks_is_named() -> None:
    with pytest.raises(EngineError, match=r"The Made backend needs libmade\.so\.7, which this system lacks"):
        run_task(
            "try_backend",
            FindLibraries(title="Made", names=("libc.so.6", "libmade.so.7")),
            BackendTestOutput,
            LibrariesFound,
        )


def unpacked(archive: Path, folder: Path) -> Path:
    return folder / take_given(archive, folder, threading.Event()).file_name


def test_the_real_backend_answers_as_the_cpu_does(vulkan_archive: Path, software_gpu: None, tmp_path: Path) -> None:
    library = unpacked(vulkan_archive, tmp_path)

    tested = try_it(library)

    assert (tested.backend, tested.self_test.devices) == ("Vulkan", ("Vulkan0",))
    assert (tested.self_test.same_text, tested.self_test.largest_gap) == (True, 0.0)
    assert tested.self_test.device_bytes > 2 * 1024**2
    link = tmp_path / "libggml-base.so"
    assert link.is_symlink()
    assert "llama_cpp" in link.readlink().parts


def test_the_real_backend_without_a_driver_says_so(
    vulkan_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VK_DRIVER_FILES", "VK_ICD_FILENAMES"):
        monkeypatch.setenv(name, "/dev/null")

    with pytest.raises(EngineError, match="finds no driver to work with"):
        try_it(unpacked(vulkan_archive, tmp_path))


def test_the_real_backend_with_no_gpu_finds_no_device(
    vulkan_archive: Path, software_gpu: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on a machine whose only Vulkan device is the software one.
    monkeypatch.delenv("GGML_VK_VISIBLE_DEVICES")
    monkeypatch.setenv("VK_ICD_FILENAMES", str(next(Path("/usr/share/vulkan/icd.d").glob("lvp_icd*"))))

    with pytest.raises(NotFoundError, match="Vulkan backend can be loaded, but finds no device"):
        try_it(unpacked(vulkan_archive, tmp_path))


def test_a_second_base_library_is_refused(
    vulkan_archive: Path, software_gpu: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plug-in that finds a libggml-base of its own first would speak to a registry that nobody asks."""
    library = unpacked(vulkan_archive, tmp_path)
    own = tmp_path / "own" / "libggml-base.so"
    own.parent.mkdir()
    with tarfile.open(vulkan_archive) as tar:
        member = tar.extractfile("package/bins/linux-x64-vulkan/libggml-base.so")
        assert member is not None
        own.write_bytes(member.read())
    # The loader looks there before it looks beside the plug-in.
    monkeypatch.setenv("LD_LIBRARY_PATH", str(own.parent))

    with pytest.raises(EngineError, match="second libggml-base"):
        try_it(library)
