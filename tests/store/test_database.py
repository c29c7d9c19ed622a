from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.errors import StateError
from garden.store.database import DamagedError, Database, NewerError
from garden.store.migrations import Migration

ONE = Migration("one", ("CREATE TABLE items (id INTEGER PRIMARY KEY, word TEXT)",))
TWO = Migration("two", ("ALTER TABLE items ADD COLUMN length INTEGER", "UPDATE items SET length = length(word)"))
FAILS = Migration("fails", ("ALTER TABLE items ADD COLUMN length INTEGER", "UPDATE nothing SET x = 1"))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "d.sqlite", (ONE,))
    yield database
    database.close()


def insert(database: Database, word: str) -> None:
    with database.write() as connection:
        connection.execute("INSERT INTO items (word) VALUES (?)", (word,))


def words(database: Database) -> list[str]:
    with database.read() as connection:
        return [row[0] for row in connection.execute("SELECT word FROM items ORDER BY id")]


def test_a_block_that_raises_stores_nothing(database: Database) -> None:
    insert(database, "kept")

    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.execute("INSERT INTO items (word) VALUES ('lost')")
        _ = 1 / 0
    insert(database, "next")

    assert words(database) == ["kept", "next"]


def test_blocks_nest_and_the_outermost_decides(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write():
        insert(database, "inner")
        _ = 1 / 0

    assert words(database) == []


def test_an_inner_block_that_raises_is_undone_alone(database: Database) -> None:
    with database.write():
        insert(database, "outer")
        with pytest.raises(ZeroDivisionError), database.write():
            insert(database, "inner")
            with database.write():
                insert(database, "innermost")
            _ = 1 / 0
        with database.write():
            insert(database, "after")

    assert words(database) == ["outer", "after"]


def test_where_sqlite_gives_up_all_of_it_the_rest_is_not_stored_alone(database: Database) -> None:
    insert(database, "kept")

    with pytest.raises(StateError, match="nothing of it was"), database.write() as outer:
        insert(database, "outer")
        with pytest.raises(StateError), database.write(), database.write() as inner:
            # As a full disk makes SQLite do.
            inner.execute("ROLLBACK")
            raise sqlite3.OperationalError("database or disk is full")
        outer.execute("INSERT INTO items (word) VALUES ('after')")
    insert(database, "next")

    assert words(database) == ["kept", "next"]


@pytest.mark.parametrize(("flag", "reason"), [(0, "permission denied"), (1, "the disk is read-only")])
def test_a_folder_that_takes_nothing_is_told_without_sqlites_words(
    database: Database, flag: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Disk:
        f_flag = flag

    monkeypatch.setattr(os, "statvfs", lambda _path: Disk)

    with pytest.raises(StateError) as caught, database.write() as connection:
        connection.execute("PRAGMA query_only = 1")
        connection.execute("INSERT INTO items (word) VALUES ('lost')")

    assert caught.value.sentence == f"d.sqlite could not be written: {reason}."
    assert caught.value.action == f"Check that {database.path.parent} is yours."
    assert "readonly" in caught.value.detail


def test_readers_see_one_state_and_wait_for_no_writer(database: Database) -> None:
    insert(database, "before")

    with database.read() as reading, database.write() as writing:
        writing.execute("INSERT INTO items (word) VALUES ('during')")
        seen = reading.execute("SELECT count(*) FROM items").fetchone()[0]

    assert seen == 1
    assert words(database) == ["before", "during"]


def test_many_threads_write_and_read_at_once(database: Database) -> None:
    failures: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for turn in range(25):
                insert(database, f"{name}{turn}")
                assert f"{name}{turn}" in words(database)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert len(words(database)) == 200


def test_migrations_go_on_from_where_the_file_is(tmp_path: Path) -> None:
    old = Database(tmp_path / "d.sqlite", (ONE,))
    insert(old, "seed")
    old.close()
    left: list[int] = []

    new = Database(tmp_path / "d.sqlite", (ONE, TWO), before_migration=left.append)

    with new.read() as connection:
        assert connection.execute("SELECT word, length FROM items").fetchall() == [("seed", 4)]
    assert left == [1]
    new.close()


def test_a_new_file_takes_all_steps_without_copies(tmp_path: Path) -> None:
    left: list[int] = []

    new = Database(tmp_path / "d.sqlite", (ONE, TWO), before_migration=left.append)

    assert left == []
    new.close()


def test_a_failed_migration_leaves_the_old_tables(tmp_path: Path) -> None:
    old = Database(tmp_path / "d.sqlite", (ONE,))
    insert(old, "seed")
    old.close()

    with pytest.raises(StateError):
        Database(tmp_path / "d.sqlite", (ONE, FAILS))

    again = Database(tmp_path / "d.sqlite", (ONE,))
    with again.read() as connection:
        assert [row[1] for row in connection.execute("PRAGMA table_info(items)")] == ["id", "word"]
    again.close()


def test_a_newer_file_is_left_alone_and_said_so(tmp_path: Path) -> None:
    Database(tmp_path / "d.sqlite", (ONE, TWO)).close()

    with pytest.raises(NewerError) as caught:
        Database(tmp_path / "d.sqlite", (ONE,))
    assert caught.value.action == "Update Garden; nothing was changed."


@pytest.mark.parametrize("content", [b"not a database " * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_what_is_no_database_is_told_apart(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "d.sqlite"
    path.write_bytes(content)

    with pytest.raises(DamagedError):
        Database(path, (ONE,))
    assert path.read_bytes() == content


def test_a_writer_that_waits_too_long_says_who_holds_it(tmp_path: Path) -> None:
    database = Database(tmp_path / "d.sqlite", (ONE,), busy_seconds=0.05)
    other = sqlite3.connect(tmp_path / "d.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StateError, match="Another Garden is writing"):
        insert(database, "x")

    other.execute("ROLLBACK")
    other.close()
    insert(database, "y")
    assert words(database) == ["y"]
    database.close()


def test_a_change_of_another_process_is_seen_once(database: Database, tmp_path: Path) -> None:
    insert(database, "own")
    own = database.changed_elsewhere()
    script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('DELETE FROM items'); c.commit()"
    subprocess.run([sys.executable, "-c", script, tmp_path / "d.sqlite"], check=True)

    assert (own, database.changed_elsewhere(), database.changed_elsewhere()) == (False, True, False)


def test_after_close_writes_are_refused(database: Database) -> None:
    database.close()

    with pytest.raises(StateError, match="closing"):
        insert(database, "late")


def test_a_copy_is_whole_and_compact(database: Database, tmp_path: Path) -> None:
    insert(database, "seed")

    database.copy_to(tmp_path / "copies" / "c.sqlite")

    assert [path.name for path in (tmp_path / "copies").iterdir()] == ["c.sqlite"]
    copy = Database(tmp_path / "copies" / "c.sqlite", (ONE,))
    assert words(copy) == ["seed"]
    copy.close()
