"""A child that lets the program forecast malformed files, here and from a Hub, and says what each cost.

``python -m tests.services.malformed_child FIRST COUNT FOLDER`` for files that it makes itself, or with ``HF_ENDPOINT``
in the environment ``… FIRST COUNT`` for those of ``hub_of``.
"""

from __future__ import annotations

import functools
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from garden.core.catalog import Repository, RepositoryFile
from garden.core.errors import GardenError
from garden.core.fit_forecast import Verdict
from garden.core.model_ref import ModelRef
from garden.core.paths import resource_path
from garden.fit.published_model import published_models
from garden.gguf.header import GgufHeader
from garden.services.garden import Garden
from tests.gguf.malformed_files import MODELS, MUTATIONS, MalformedFile
from tests.hubserver.repository import ServedFile, ServedRepository

#: Files of one repository of the Hub: the first is read alone, the others by what it told.
_REPOSITORY_FILES = 20


@dataclass(frozen=True)
class Report:
    """What a run cost.

    Attributes:
        answers: Forecasts by verdict, and how many sentences instead.
        slowest: Seconds of processor time of the slowest file, and its seed.
        grown_bytes: By which the process grew at its highest, above what it was before the first file.
        wrong: What must not be: other exceptions, sentences that are none, cut files that fit.
    """

    answers: dict[str, int]
    slowest: tuple[float, int]
    grown_bytes: int
    wrong: list[str]


def run(first: int, count: int, environment: dict[str, str], folder: Path | None = None) -> Report:
    """Run the child.

    Args:
        first: Seed of the first file.
        count: Number of files.
        environment: Garden's folders, and ``HF_ENDPOINT`` when they come from a Hub.
        folder: Where to write them otherwise.
    """
    arguments = [str(first), str(count), *([str(folder)] if folder else [])]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.services.malformed_child", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise AssertionError(done.stderr[-2_000:])
    document = json.loads(done.stdout.splitlines()[-1])
    return Report(**{**document, "slowest": tuple(document["slowest"])})


class _Content:
    """Makes a file's bytes when they are asked for."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.size_bytes = _made(seed).size_bytes
        self.sha256 = f"{seed:064x}"
        self.git_sha1 = f"{seed:040x}"

    def read(self, offset: int, length: int) -> bytes:
        return _made(self._seed).read(offset, length)


@functools.lru_cache(maxsize=64)
def _made(seed: int) -> MalformedFile:
    return MalformedFile(seed)


def hub_of(first: int, count: int) -> list[ServedRepository]:
    """Repositories of malformed files."""
    groups: dict[str, list[ServedFile]] = {}
    for seed in range(first, first + count):
        groups.setdefault(_repo_id(seed), []).append(ServedFile(f"m{seed}-Q4_K_M.gguf", _Content(seed)))
    return [ServedRepository(repo_id, files=tuple(files)) for repo_id, files in groups.items()]


def _repo_id(seed: int) -> str:
    return f"owner/r{seed // _REPOSITORY_FILES}"


def _headers_here(garden: Garden, folder: Path, seeds: range) -> Iterator[tuple[int, Callable[[], GgufHeader]]]:
    path = folder / "m.gguf"
    ref = ModelRef(name="m", filenames=(path.name,), path=str(path))
    for seed in seeds:
        made = MalformedFile(seed)
        with path.open("wb") as file:
            file.write(made.head)
            file.truncate(made.size_bytes)
        yield seed, lambda: garden.fit.header(ref)


def _headers_there(garden: Garden, seeds: range) -> Iterator[tuple[int, Callable[[], GgufHeader]]]:
    for repo_id in dict.fromkeys(map(_repo_id, seeds)):
        repository = garden.catalog.repository(repo_id).result(60)
        for file in sorted(repository.files, key=lambda file: file.filename):
            seed = int(file.filename.removeprefix("m").partition("-")[0])
            yield seed, functools.partial(_remote_header, garden, repository, file)


def _remote_header(garden: Garden, repository: Repository, file: RepositoryFile) -> GgufHeader:
    return garden.fit.remote_header(repository, file).result(60)


def _warm_up(garden: Garden) -> None:
    """Import and read what the first file would, and make the pieces that malformed ones are made of."""
    for seed in range(len(MODELS) * len(MUTATIONS)):
        MalformedFile(seed)
    header = published_models(resource_path("catalogue/models.json").read_bytes())[0].header("Q8_0")
    garden.fit.forecast_header(header, garden.fit.default_load(header))


def main() -> None:
    """Forecast each and print the report as JSON on the last line."""
    first, count = int(sys.argv[1]), int(sys.argv[2])
    seeds = range(first, first + count)
    answers: dict[str, int] = {}
    wrong: list[str] = []
    slowest = (0.0, -1)
    with Garden.open() as garden:
        _warm_up(garden)
        headers = _headers_here(garden, Path(sys.argv[3]), seeds) if sys.argv[3:] else _headers_there(garden, seeds)
        before = 0
        for seed, read in headers:
            before = before or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            made = MalformedFile(seed)
            began = time.process_time()
            try:
                header = read()
                forecast = garden.fit.forecast_header(header, garden.fit.default_load(header))
            except GardenError as error:
                answer = "a sentence"
                if not error.sentence.endswith(".") or len(error.sentence) > 300:
                    wrong.append(f"{seed} {made.mutation}: {error.sentence!r}")
            except Exception as error:
                answer = "an exception"
                wrong.append(f"{seed} {made.mutation}: {error!r}")
            else:
                answer = forecast.verdict.value
                if made.is_cut and forecast.verdict in (Verdict.FITS, Verdict.TIGHT):
                    wrong.append(f"{seed} {made.mutation}: {answer}")
            slowest = max(slowest, (time.process_time() - began, seed))
            answers[answer] = answers.get(answer, 0) + 1
    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit
    document = {"answers": answers, "slowest": slowest, "grown_bytes": grown, "wrong": wrong}
    sys.stdout.write(f"{json.dumps(document)}\n")


if __name__ == "__main__":
    main()
