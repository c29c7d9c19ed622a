from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from garden.core.errors import GardenError, StateError
from garden.store.conversations import Conversations
from garden.store.work_database import WorkDatabase
from tests.store.values import conversation


def filled(path: Path, count: int = 200) -> None:
    database = WorkDatabase(path)
    store = Conversations(database)
    for number in range(count):
        store.save(conversation(f"c{number:04}", prompt=f"Why {number}? " + "x" * 500, updated_at=float(number)))
    database.close()


def damage(path: Path, at: float, length: int) -> None:
    """Overwrite bytes at a share of the file."""
    with path.open("r+b") as stream:
        stream.seek(int(path.stat().st_size * at))
        stream.write(random.Random(1).randbytes(length))


def test_what_was_saved_is_there_again(tmp_path: Path) -> None:
    filled(tmp_path / "work.sqlite", 3)

    database = WorkDatabase(tmp_path / "work.sqlite")

    assert database.recovery is None
    assert len(Conversations(database).list()) == 3
    database.close()


def test_a_damaged_middle_costs_only_what_lay_there(tmp_path: Path) -> None:
    path = tmp_path / "work.sqlite"
    filled(path)
    damage(path, 0.5, 20_000)

    database = WorkDatabase(path)

    assert database.recovery is not None
    assert "The damaged file is kept as work-damaged-" in database.recovery
    saved = Conversations(database).list()
    assert 100 < len(saved) <= 200
    for summary in saved:
        Conversations(database).load(summary.id)
    assert len(list(tmp_path.glob("work-damaged-*.sqlite"))) == 1
    database.close()
    again = WorkDatabase(path)
    assert again.recovery is None
    again.close()


def test_what_the_damage_took_comes_back_from_the_daily_copy(tmp_path: Path) -> None:
    path = tmp_path / "work.sqlite"
    filled(path)
    database = WorkDatabase(path)
    assert database.make_daily_copy() is not None
    database.close()
    damage(path, 0.5, 20_000)

    database = WorkDatabase(path)

    assert len(Conversations(database).list()) == 200
    assert "the rest is from the copy of" in (database.recovery or "")
    database.close()


@pytest.mark.parametrize("remains", [b"", b"junk" * 1000, b"SQLite format 3\x00"])
def test_a_destroyed_file_is_replaced_by_the_copy(tmp_path: Path, remains: bytes) -> None:
    path = tmp_path / "work.sqlite"
    filled(path, 5)
    database = WorkDatabase(path)
    database.make_daily_copy()
    database.close()
    path.write_bytes(remains)

    database = WorkDatabase(path)

    assert len(Conversations(database).list()) == 5
    database.close()


def test_a_destroyed_file_without_a_copy_starts_empty_and_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "work.sqlite"
    path.write_bytes(b"junk" * 1000)

    database = WorkDatabase(path)

    assert "nothing in it could be read" in (database.recovery or "")
    assert next(tmp_path.glob("work-damaged-*.sqlite")).read_bytes() == b"junk" * 1000
    database.close()


def test_random_damage_never_keeps_it_from_opening(tmp_path: Path) -> None:
    whole = tmp_path / "whole.sqlite"
    filled(whole, 40)
    content = whole.read_bytes()
    chance = random.Random(7)
    for round_ in range(50):
        path = tmp_path / f"{round_}" / "work.sqlite"
        path.parent.mkdir()
        broken = bytearray(content)
        for _ in range(chance.randint(1, 8)):
            at, length = chance.randrange(len(broken)), chance.choice((1, 16, 4096))
            broken[at : at + length] = chance.randbytes(len(broken[at : at + length]))
        if chance.random() < 0.3:
            del broken[chance.randrange(len(broken)) :]
        path.write_bytes(broken)

        database = WorkDatabase(path)
        Conversations(database).save(conversation("new"))
        for summary in Conversations(database).list():
            # Bytes flipped inside a text are past finding out, and stay one unreadable conversation.
            with contextlib.suppress(GardenError):
                Conversations(database).load(summary.id)
        database.close()


def test_damage_met_at_work_is_looked_at_on_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garden.store.work_database._QUICK_CHECK_BYTES", 0)
    path = tmp_path / "work.sqlite"
    filled(path)
    damage(path, 0.3, 200_000)
    database = WorkDatabase(path)
    assert database.recovery is None

    with pytest.raises(StateError, match="damaged"):
        for number in range(200):
            Conversations(database).load(f"c{number:04}")
    database.close()

    again = WorkDatabase(path)
    assert again.recovery is not None
    again.close()


def test_a_recovery_that_was_cut_short_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "work.sqlite"
    filled(path, 3)
    path.rename(tmp_path / "work.sqlite.recovered")
    path.write_bytes(b"junk" * 1000)

    database = WorkDatabase(path)

    assert len(Conversations(database).list()) == 3
    assert next(tmp_path.glob("work-damaged-*.sqlite")).read_bytes() == b"junk" * 1000
    database.close()


def test_a_daily_copy_is_made_once_a_day_and_seven_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "work.sqlite"
    filled(path, 1)
    copies = tmp_path / "copies"
    copies.mkdir()
    for day in range(1, 10):
        old = copies / f"work-2020-01-{day:02}.sqlite"
        old.write_bytes(b"")
        os.utime(old, (0, 0))
    database = WorkDatabase(path)

    first, second = database.make_daily_copy(), database.make_daily_copy()

    assert first is not None
    assert second is None
    assert len(list(copies.iterdir())) == 7
    database.close()


def test_before_a_migration_a_copy_is_made(tmp_path: Path) -> None:
    path = tmp_path / "work.sqlite"
    filled(path, 2)
    database = WorkDatabase(path)

    database._copy_before(1)

    (copy,) = (tmp_path / "copies").glob("work-before-version-2-*.sqlite")
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM conversations").fetchone() == (2,)
    database.close()


OPEN_AND_SAVE = """
import sys
from pathlib import Path
from garden.store.conversations import Conversations
from garden.store.work_database import WorkDatabase
from tests.store.values import conversation
database = WorkDatabase(Path(sys.argv[1]))
store = Conversations(database)
for number in range(int(sys.argv[3])):
    store.save(conversation(f"{sys.argv[2]}-{number}"))
    print(number, flush=True)
"""


def test_several_processes_open_and_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "work.sqlite"
    processes = [
        subprocess.Popen([sys.executable, "-c", OPEN_AND_SAVE, path, name, "20"], stdout=subprocess.DEVNULL)
        for name in "abcd"
    ]

    assert [process.wait(60) for process in processes] == [0] * 4

    database = WorkDatabase(path)
    assert len(Conversations(database).list()) == 80
    database.close()


def test_a_process_killed_while_it_writes_leaves_whole_conversations(tmp_path: Path) -> None:
    path = tmp_path / "work.sqlite"
    for round_ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", OPEN_AND_SAVE, path, f"r{round_}", "100000"], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        with process.stdout as stream:
            told = [stream.readline() for _ in range(3 + 5 * round_)]
            process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
            process.wait(10)

        database = WorkDatabase(path)
        assert database.recovery is None
        for number in range(len(told)):
            assert len(Conversations(database).load(f"r{round_}-{number}").turns[0].answers) == 2
        database.close()
