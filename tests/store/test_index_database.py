from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from garden.core.catalog import ModelSummary
from garden.store.index_database import IndexDatabase
from garden.store.summaries import Summaries

HUB = "https://hub.example"
ROWS = [ModelSummary(repo_id=f"owner/model-{number}", downloads=number) for number in range(2000)]


def test_a_damaged_index_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    path.write_bytes(b"junk" * 1000)

    index = IndexDatabase(path)
    Summaries(index).put(HUB, ROWS[:3])

    assert len(Summaries(index).search(HUB, "model")) == 3
    index.close()


def test_damage_met_at_work_loses_rows_not_the_program(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    index = IndexDatabase(path)
    Summaries(index).put(HUB, ROWS)
    index.close()
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    index = IndexDatabase(path)

    assert Summaries(index).search(HUB, "model") == ()
    Summaries(index).put(HUB, ROWS[:2])
    assert len(Summaries(index).search(HUB, "model")) == 2
    index.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps files that are open")
@pytest.mark.parametrize("deleted", [("",), ("", "-wal", "-shm")])
def test_an_index_that_is_deleted_at_work_is_made_again(tmp_path: Path, deleted: tuple[str, ...]) -> None:
    path = tmp_path / "index.sqlite"
    lost: list[int] = []
    index = IndexDatabase(path, on_lost=lambda: lost.append(1))
    Summaries(index).put(HUB, ROWS)
    for suffix in deleted:
        path.with_name(path.name + suffix).unlink()

    assert Summaries(index).search(HUB, "model") == ()
    Summaries(index).put(HUB, ROWS[:2])

    assert len(Summaries(index).search(HUB, "model")) == 2
    assert lost == [1]
    index.close()
    again = IndexDatabase(path)
    assert len(Summaries(again).search(HUB, "model")) == 2
    again.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps files that are open")
def test_an_index_that_another_process_made_again_is_shared_with_it(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    window, command = IndexDatabase(path), IndexDatabase(path)
    Summaries(window).put(HUB, ROWS)
    path.unlink()

    Summaries(command).put(HUB, ROWS[:1])
    assert len(Summaries(window).search(HUB, "model")) == 1
    Summaries(window).put(HUB, ROWS[1:3])

    assert len(Summaries(command).search(HUB, "model")) == 3
    window.close()
    assert len(Summaries(command).search(HUB, "model")) == 3
    command.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps files that are open")
def test_threads_at_work_survive_that_it_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    index = IndexDatabase(path)
    failed: list[BaseException] = []
    over = threading.Event()

    def work() -> None:
        try:
            while not over.is_set():
                Summaries(index).put(HUB, ROWS[:20])
                Summaries(index).search(HUB, "model")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        path.unlink(missing_ok=True)
        time.sleep(0.05)
    over.set()
    for thread in threads:
        thread.join()

    assert failed == []
    assert len(Summaries(index).search(HUB, "model")) <= 20
    index.close()


def test_an_index_of_a_newer_garden_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    index = IndexDatabase(path)
    with index.write() as connection:
        connection.execute("PRAGMA user_version = 99")
    index.close()

    again = IndexDatabase(path)
    Summaries(again).put(HUB, ROWS[:1])

    assert Summaries(again).get(HUB, "owner/model-0") == ROWS[0]
    again.close()
