"""Ctrl+C while something is stored: by a real signal, at any step, many times."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
import json, os, signal, sys, threading, time
from pathlib import Path
from garden.core import interrupt
from garden.store.database import Database
from garden.store.memory_database import MemoryDatabase
from garden.store.migrations import Migration

tables = (Migration("one", ("CREATE TABLE pairs (id INTEGER PRIMARY KEY, half TEXT)",)),)
kind = Database if sys.argv[2] == "file" else MemoryDatabase
database = kind(Path(sys.argv[1]), tables)
asked = int(sys.argv[3])
ended = threading.Event()
seen = ready = 0

def strike():
    # The next one only when this one was seen, and somebody is there to see it: two at once would be one.
    for struck in range(asked):
        while ready <= struck:
            time.sleep(0.0001)
        time.sleep(0.0003 + (struck % 17) * 0.00005)
        os.kill(os.getpid(), signal.SIGINT)
        while seen <= struck:
            time.sleep(0.0001)
    ended.set()

def store():
    with database.write() as outer:
        outer.execute("INSERT INTO pairs (half) VALUES ('left')")
        with database.write() as inner:
            inner.execute("INSERT INTO pairs (half) VALUES ('right')")

with interrupt.watched():
    striker = threading.Thread(target=strike)
    striker.start()
    while not ended.is_set():
        try:
            ready = seen + 1
            while not ended.is_set():
                store()
        except KeyboardInterrupt:
            seen += 1
    striker.join()
store()
with database.read() as reading:
    halves = [reading.execute("SELECT count(*) FROM pairs WHERE half = ?", (half,)).fetchone()[0]
              for half in ("left", "right")]
print(json.dumps({"seen": seen, "halves": halves}))
database.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("kind", ["file", "memory"])
def test_ctrl_c_at_any_step_breaks_no_transaction(tmp_path: Path, kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(tmp_path / "d.sqlite"), kind, "400"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["seen"] == 400
    left, right = report["halves"]
    assert left == right > 0
