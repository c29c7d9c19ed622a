from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.errors import GardenError, StateError
from garden.store.settings import Settings, SettingsStore


@pytest.fixture
def store(tmp_path: Path) -> SettingsStore:
    return SettingsStore(tmp_path / "deep" / "settings.json")


def test_without_a_file_the_defaults_hold(store: SettingsStore) -> None:
    assert store.load() == Settings()
    assert store.damaged_copy is None


def test_what_is_saved_is_loaded(store: SettingsStore) -> None:
    settings = Settings(theme="dark", text_scale=1.25, folders=("/models", "/ürsprung"), context_length=8192)

    store.save(settings)

    assert store.load() == settings


def test_a_file_for_people(store: SettingsStore, tmp_path: Path) -> None:
    store.save(Settings())

    assert (tmp_path / "deep" / "settings.json").read_text().startswith('{\n  "theme": "system",\n')


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"\x00" * 100, b'{"theme": "dark"', b"[" * 100_000]
)
def test_a_damaged_file_is_kept_aside_and_the_defaults_hold(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(content)
    store = SettingsStore(path)

    assert store.load() == Settings()
    assert store.damaged_copy is not None
    assert store.damaged_copy.read_bytes() == content
    store.save(Settings(theme="light"))
    assert store.load().theme == "light"


def test_a_damaged_file_is_kept_aside_once_however_often_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text("{damaged")
    SettingsStore(path).load()
    time.sleep(1.1)  # a name by the second would be another one now
    SettingsStore(path).load()
    (copy,) = tmp_path.glob("settings-damaged-*.json")
    assert copy.read_text() == "{damaged"

    path.write_text("{damaged otherwise")
    SettingsStore(path).load()

    assert len(list(tmp_path.glob("settings-damaged-*.json"))) == 2


def test_on_a_full_disk_a_damaged_file_is_read_and_stays_until_it_can_be_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    content = '{"theme": "dark", "text_scale": "big", "folders": ["' + "x" * 1_000
    path.write_text(content + '"]}')
    store = SettingsStore(path)

    with no_room():
        assert store.load().theme == "dark"
        assert not list(tmp_path.glob("settings-damaged-*"))
        with pytest.raises(GardenError):
            store.save(Settings(theme="light"))

    assert path.read_text().startswith(content)
    store.save(Settings(theme="light"))
    assert store.damaged_copy is not None
    assert store.damaged_copy.read_text().startswith(content)
    assert store.load() == Settings(theme="light")


@contextlib.contextmanager
def no_room() -> Iterator[None]:
    """The system takes no more than 500 bytes of a file."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_is_whole_in_a_damaged_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"theme": "dark", "text_scale": "big", "parallel_downloads": 99, "folders": ["/a"]}))

    assert SettingsStore(path).load() == Settings(theme="dark", folders=("/a",))


def test_fields_of_a_newer_garden_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"theme": "dark", "hologram": true}')
    store = SettingsStore(path)

    assert store.load() == Settings(theme="dark")
    assert store.damaged_copy is None


@pytest.mark.parametrize(
    "change", [{"text_scale": 5.0}, {"kv_type": "q9"}, {"parallel_downloads": 0}, {"context_length": 0}]
)
def test_values_out_of_bounds_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(StateError):
        Settings().with_changes(**change)


def test_a_reader_never_sees_half_a_file(store: SettingsStore) -> None:
    store.save(Settings())
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            store.save(Settings(folders=("/x" * 500,) * 20))
            store.save(Settings())

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(200):
        SettingsStore(store._path).load()
    stop.set()
    writer.join()

    assert [p.name for p in store._path.parent.iterdir()] == ["settings.json"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StateError) as caught:
        SettingsStore(tmp_path / "file" / "settings.json").save(Settings())
    assert "settings.json could not be written" in caught.value.sentence
