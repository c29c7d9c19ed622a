"""Kills of a process in the middle of moving a folder; after each one every file is looked for, byte by byte."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from garden.services.folder_move import PART

_CHILD = """
import sys, threading
from pathlib import Path
from garden.services.folder_move import FolderMove
old, new, notes, may_rename = sys.argv[1:]
def note(before, after):
    with open(notes, "a") as stream:
        stream.write(f"{before.name}\\n")
print("begun", flush=True)
FolderMove(Path(old), Path(new), note, may_rename=may_rename == "1").run(lambda done, name: None, threading.Event())
print("done", flush=True)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveReport:
    """What was found.

    Attributes:
        kills: Processes that were ended in the middle of a move.
        moves: Moves that came to their end in between.
        lost: Names that were nowhere, or not told to whoever keeps notes.
        corrupt: Names with other bytes than before, or with bytes that were not there.
        left: Parts of copies that stayed after the last move.
        seconds: Time for all.
    """

    kills: int
    moves: int
    lost: tuple[str, ...]
    corrupt: tuple[str, ...]
    left: tuple[str, ...]
    seconds: float

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, changed or left over."""
        return not (self.lost or self.corrupt or self.left)


def fill(folder: Path, count: int = 12, size: int = 400_000) -> dict[str, bytes]:
    """Write files in two folders, and a Hub cache with its links.

    Returns:
        What each holds, by its path; links read as what they lead to.
    """
    chance = random.Random(7)
    names = [f"{'sub/' if number % 2 else ''}model-{number}.gguf" for number in range(count)]
    files = {name: chance.randbytes(size) for name in names}
    blob = "models--owner--cached/blobs/" + "ab" * 32
    files[blob] = chance.randbytes(size)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    link = folder / "models--owner--cached" / "snapshots" / ("c" * 40) / "cached.gguf"
    link.parent.mkdir(parents=True)
    link.symlink_to(Path("../..") / "blobs" / Path(blob).name)
    return files


def found(*folders: Path) -> dict[str, set[bytes]]:
    """What lies under each name in any of the folders; parts of copies and links are left out."""
    names: dict[str, set[bytes]] = {}
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and not path.name.endswith(PART):
                names.setdefault(path.relative_to(folder).as_posix(), set()).add(path.read_bytes())
    return names


class MoveTorture:
    """Moves a folder to and fro, and ends the process that does at random moments.

    Args:
        folder: Where it happens; empty.
        kills: How often.
        seed: Of the moments.
        may_rename: Off, files are copied as from disk to disk.
    """

    def __init__(self, folder: Path, kills: int, seed: int, *, may_rename: bool) -> None:
        self._folder = folder
        self._kills = kills
        self._chance = random.Random(seed)
        self._may_rename = may_rename
        self._notes = folder / "notes"

    def run(self) -> MoveReport:
        """Do it."""
        started = time.monotonic()
        old, new = self._folder / "a", self._folder / "b"
        files = fill(old)
        lost: set[str] = set()
        corrupt: set[str] = set()
        kills, moves, longest = 0, 0, 0.05
        last = False
        while not last:
            last = kills >= self._kills
            begun, ended = self._move(old, new, None if last else self._chance.uniform(0, longest))
            kills += not ended
            seen = found(old, new)
            lost.update(set(files) - set(seen))
            corrupt.update(name for name, bytes_seen in seen.items() if bytes_seen != {files.get(name)})
            if ended:
                moves += 1
                longest = max(0.01, 0.9 * begun)
                old, new = new, old
        told = set(self._notes.read_text().split())
        lost.update(name for name in files if Path(name).name not in told)
        link = next(old.rglob("cached.gguf"), None)
        if link is None or link.read_bytes() not in files.values():
            lost.add("cached.gguf")
        left = [path.name for path in self._folder.rglob(f"*{PART}")] + [str(new)] * new.exists()
        return MoveReport(
            kills=kills,
            moves=moves,
            lost=tuple(sorted(lost)),
            corrupt=tuple(sorted(corrupt)),
            left=tuple(left),
            seconds=time.monotonic() - started,
        )

    def _move(self, old: Path, new: Path, kill_after: float | None) -> tuple[float, bool]:
        """Run one; how long it took from its begin, and whether it came to its end."""
        arguments = (str(old), str(new), str(self._notes), "1" if self._may_rename else "0")
        with subprocess.Popen(
            [sys.executable, "-c", _CHILD, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "begun\n"
            begun = time.monotonic()
            try:
                child.wait(kill_after)
            except subprocess.TimeoutExpired:
                child.kill()
            child.wait()
        if child.returncode > 0:
            raise RuntimeError(f"A move failed with {child.returncode}.")
        return time.monotonic() - begun, child.returncode == 0
