from __future__ import annotations

from pathlib import Path

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
