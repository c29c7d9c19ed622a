"""Downloads that are killed at random moments, on a Hub that has every fault there is."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.hubserver import Fault, HubServer, ServedRepository, repository
from tests.hubserver.faults import Kind, Where

#: A file of a quarter of a second and one of three, at the speed of the Hub.
_SIZES = (1_000_000, 12_000_000)
_BYTES_PER_SECOND = 4_000_000

#: What goes wrong beside the kills, and how often in relation to one another. A flipped byte costs the whole file,
#: since the Hub promises no hash of less.
_FAULTS: dict[Kind, int] = {
    "drop": 6,
    "reset": 6,
    "stall": 2,
    "short": 3,
    "status": 6,
    "ignore_range": 3,
    "wrong_range": 3,
    "garbage": 2,
    "etag": 2,
    "no_etag": 1,
    "corrupt": 2,
}

_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


@dataclass(slots=True)
class TransferReport:
    """What came of it.

    Attributes:
        kills: Processes that were killed while something was missing.
        faults: Faults that the Hub had.
        corrupt: Files that were found by their name with other bytes than they should have.
        lost: Downloads that the queue had taken over and no longer knew.
        missing: Files that were not here in the end.
        size_bytes: Of all files.
        sent_bytes: That the Hub sent, without what flipped bytes and ignored ranges cost the best client.
        seconds: It took.
    """

    kills: int = 0
    faults: int = 0
    corrupt: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    size_bytes: int = 0
    sent_bytes: int = 0
    seconds: float = 0.0

    @property
    def share_sent(self) -> float:
        """Bytes sent for each byte that was wanted."""
        return self.sent_bytes / self.size_bytes

    @property
    def is_clean(self) -> bool:
        """Whether everything arrived, and nothing else."""
        return not (self.corrupt or self.lost or self.missing)


class TransferTorture:
    """One run.

    Args:
        folder: Its own home: data, cache, models.
        kills: How many.
        seed: Of everything that is random.
    """

    def __init__(self, folder: Path, kills: int, seed: int) -> None:
        self._folder = folder
        self._kills = kills
        self._random = random.Random(seed)
        self._shelf = [self._repository(number) for number in range(max(4, kills // 2))]
        self._report = TransferReport(size_bytes=sum(_size(shelved) for shelved in self._shelf))
        self._queued: set[str] = set()
        self._checked: dict[Path, tuple[int, int]] = {}

    def run(self) -> TransferReport:
        """Fetch everything, whatever happens."""
        began, report = time.monotonic(), self._report
        with HubServer(self._shelf) as hub:
            hub.state.bytes_per_second = _BYTES_PER_SECOND
            while report.kills < self._kills and not self._all_here():
                self._have_faults(hub)
                self._run_and_kill(hub)
                self._check()
            report.faults -= hub.faults.pending
            hub.faults.clear()
            hub.state.bytes_per_second = 0
            with self._program(hub) as process:
                self._read(process, timeout=180.0)
            self._check()
            report.missing = [shelved.repo_id for shelved in self._shelf if not self._is_here(shelved)]
            report.sent_bytes = hub.state.sent_bytes - hub.state.lost_bytes
        report.seconds = time.monotonic() - began
        return report

    def _repository(self, number: int) -> ServedRepository:
        data = self._random.randbytes(self._random.randint(*_SIZES))
        name = f"model-{number}"
        if number % 4 == 0:
            third = len(data) // 3
            parts = (data[:third], data[third : 2 * third], data[2 * third :])
            files = {f"{name}-Q4_0-0000{part}-of-00003.gguf": piece for part, piece in enumerate(parts, 1)}
        else:
            files = {f"{name}-Q4_0.gguf": data}
        return repository(f"owner/{name}-GGUF", **files)

    def _have_faults(self, hub: HubServer) -> None:
        kinds = self._random.choices(tuple(_FAULTS), weights=tuple(_FAULTS.values()), k=self._random.randint(0, 2))
        for kind in kinds:
            fault = Fault(kind, skip=self._random.randint(0, 2), after_bytes=self._random.randint(0, 4_000_000))
            match kind:
                case "status":
                    status, headers = self._random.choice(((429, {"Retry-After": "1"}), (503, {}), (500, {})))
                    places: tuple[Where, ...] = ("api", "resolve", "cdn")
                    where = self._random.choice(places)
                    fault = dataclasses.replace(fault, where=where, status=status, headers=headers)
                case "etag" | "no_etag" | "garbage":
                    fault = dataclasses.replace(fault, where="resolve")
            hub.fail(fault)
            self._report.faults += 1

    @contextlib.contextmanager
    def _program(self, hub: HubServer) -> Iterator[subprocess.Popen[str]]:
        home = self._folder
        environment = {
            **os.environ,
            "HF_ENDPOINT": hub.endpoint,
            "HF_HOME": str(home / "hf"),
            "HF_HUB_CACHE": str(self._cache),
            "GARDEN_DATA_DIR": str(home / "data"),
            "GARDEN_CACHE_DIR": str(home / "cache"),
        }
        command = [sys.executable, "-m", "tests.torture.fetching"]
        command += [f"{shelved.repo_id}:Q4_0" for shelved in self._shelf]
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, bufsize=1
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def _run_and_kill(self, hub: HubServer) -> None:
        """Start the program, and kill it, a child of it or all of them at some moment."""
        with self._program(hub) as process:
            assert process.stdout is not None
            self._take(process.stdout.readline())
            alive = psutil.Process(process.pid)
            while True:
                time.sleep(self._random.uniform(0.05, 1.5))
                children = _children(alive)
                if process.poll() is not None or self._report.kills >= self._kills:
                    break
                self._report.kills += 1
                victim = self._random.random()
                if victim < 0.4 and children:
                    _kill(self._random.choice(children))
                    continue
                process.send_signal(_KILL)
                if victim < 0.6:
                    for child in children:
                        _kill(child)
                break
            psutil.wait_procs(children, timeout=10)
            self._read(process, timeout=10)

    def _read(self, process: subprocess.Popen[str], timeout: float) -> None:
        try:
            said, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
        for line in said.splitlines(keepends=True):
            self._take(line)

    def _take(self, line: str) -> None:
        """What the program said of its queue; a line that was cut short counts for nothing."""
        if not line.endswith("\n"):
            return
        word, *names = line.split()
        if word == "known":
            self._report.lost += sorted(self._queued - set(names))
        self._queued |= set(names)

    @property
    def _cache(self) -> Path:
        return self._folder / "hf" / "hub"

    def _all_here(self) -> bool:
        return all(self._is_here(shelved) for shelved in self._shelf)

    def _is_here(self, repository: ServedRepository) -> bool:
        return all(self._pointer(repository, file.filename).exists() for file in repository.files)

    def _pointer(self, repository: ServedRepository, filename: str) -> Path:
        folder = self._cache / f"models--{repository.repo_id.replace('/', '--')}" / "snapshots" / repository.commit
        return folder / filename

    def _check(self) -> None:
        """Hold every file that can be found by its name against what it should be."""
        for shelved in self._shelf:
            for file in shelved.files:
                path = self._pointer(shelved, file.filename)
                with contextlib.suppress(FileNotFoundError):
                    found = path.stat()
                    if self._checked.get(path) == (found.st_size, found.st_mtime_ns):
                        continue
                    if hashlib.sha256(path.read_bytes()).hexdigest() != file.content.sha256:
                        self._report.corrupt.append(file.filename)
                    self._checked[path] = (found.st_size, found.st_mtime_ns)


def _size(repository: ServedRepository) -> int:
    return sum(file.content.size_bytes for file in repository.files)


def _children(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return process.children(recursive=True)
    return []


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.Error):
        process.kill()
