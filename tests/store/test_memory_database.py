"""A database in memory that starts with what a file holds, and leaves the file as it is."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from garden.core.errors import StateError
from garden.store.memory_database import MemoryDatabase
from garden.store.migrations import INDEX_MIGRATIONS, WORK_MIGRATIONS, Migration
from garden.store.model_use import ModelUses
from garden.store.work_database import WorkDatabase


def _noted(path: Path, name: str) -> WorkDatabase:
    database = WorkDatabase(path)
    ModelUses(database).used(name)
    return database


@pytest.mark.parametrize("still_open", [False, True])
def test_it_starts_with_what_the_file_holds(tmp_path: Path, still_open: bool) -> None:
    path = tmp_path / "a folder # 1" / "work.sqlite"
    written = _noted(path, "/models/a.gguf")
    if not still_open:
        written.close()

    memory = MemoryDatabase(path, WORK_MIGRATIONS)

    assert set(ModelUses(memory).all()) == {"/models/a.gguf"}
    memory.close()
    written.close()


def test_what_is_written_to_it_does_not_reach_the_file(tmp_path: Path) -> None:
    path = tmp_path / "work.sqlite"
    _noted(path, "/models/a.gguf").close()
    before = path.read_bytes()

    memory = MemoryDatabase(path, WORK_MIGRATIONS)
    ModelUses(memory).used("/models/b.gguf")

    assert set(ModelUses(memory).all()) == {"/models/a.gguf", "/models/b.gguf"}
    memory.close()
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [None, b"", b"damaged" * 4096])
def test_where_nothing_can_be_read_it_is_empty(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "index.sqlite"
    if content is not None:
        path.write_bytes(content)

    memory = MemoryDatabase(path, INDEX_MIGRATIONS)

    with memory.read() as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 0
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] > 0
    memory.close()


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    memory = MemoryDatabase(tmp_path / "work.sqlite", WORK_MIGRATIONS)
    uses = ModelUses(memory)

    with pytest.raises(ValueError, match="a fault"), memory.write():
        uses.used("/models/a.gguf")
        raise ValueError("a fault")

    assert uses.all() == {}
    uses.used("/models/b.gguf")
    assert set(uses.all()) == {"/models/b.gguf"}
    memory.close()


def test_it_is_used_from_several_threads(tmp_path: Path) -> None:
    memory = MemoryDatabase(tmp_path / "work.sqlite", WORK_MIGRATIONS)
    uses = ModelUses(memory)
    threads = [threading.Thread(target=uses.used, args=(f"/models/{number}.gguf",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(uses.all()) == 8
    memory.close()


def test_closed_it_answers_no_more(tmp_path: Path) -> None:
    memory = MemoryDatabase(tmp_path / "work.sqlite", WORK_MIGRATIONS)
    memory.close()

    with pytest.raises(StateError), memory.read():
        pass


def test_sqlites_errors_are_sentences(tmp_path: Path) -> None:
    memory = MemoryDatabase(tmp_path / "work.sqlite", WORK_MIGRATIONS)

    with pytest.raises(StateError) as failed, memory.read() as connection:
        connection.execute("SELECT nothing FROM nowhere")

    assert isinstance(failed.value.__cause__, sqlite3.Error)
    memory.close()


def test_in_memory_an_inner_block_is_undone_alone_too(tmp_path: Path) -> None:
    memory = MemoryDatabase(tmp_path / "none.sqlite", (Migration("one", ("CREATE TABLE items (word TEXT)",)),))
    with memory.write() as connection:
        connection.execute("INSERT INTO items VALUES ('outer')")
        with pytest.raises(ZeroDivisionError), memory.write():
            connection.execute("INSERT INTO items VALUES ('inner')")
            _ = 1 / 0
        connection.execute("INSERT INTO items VALUES ('after')")

    with memory.read() as reading:
        assert reading.execute("SELECT word FROM items").fetchall() == [("outer",), ("after",)]
