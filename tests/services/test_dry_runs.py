"""The warm child: kept, ended, crashed, hung, cancelled; nothing is left behind."""

from __future__ import annotations

import dataclasses
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from garden.core.dry_run import DryRun, DryRunDone, DryRunRefused
from garden.core.errors import CancelledByUser, EngineCrashedError, GardenError, InvalidFileError, WorkerDiedError
from garden.core.paths import cache_dir
from garden.core.run_configuration import LoadParameters
from garden.gguf.header import GgufHeader, Value
from garden.gguf.hollow_file import write_hollow_file
from garden.process.scratch_folder import sweep_scratch_folders
from garden.services import dry_runs
from garden.services.dry_runs import DryRuns
from tests.fit.hollow import header_of_file, published_for_engine

pytestmark = pytest.mark.engine

HANGS = (sys.executable, "-c", "import time; time.sleep(600)")
REQUEST = DryRun(request_id=0, path="", load=LoadParameters(context_length=1_024))


_ENDED = """
import os, signal, sys
from pathlib import Path
from garden.core.dry_run import DryRun
from garden.core.run_configuration import LoadParameters
from garden.gguf.byte_source import FileSource
from garden.gguf.header import read_header
from garden.services.dry_runs import DryRuns

with FileSource(Path(sys.argv[1])) as source:
    header = read_header(source)
DryRuns().ask(header, DryRun(request_id=0, path="", load=LoadParameters(context_length=512)))
os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.fixture
def header(tiny_model: Path) -> GgufHeader:
    return header_of_file(tiny_model)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DryRuns]:
    monkeypatch.setenv("GARDEN_CACHE_DIR", str(tmp_path / "cache"))
    made = DryRuns()
    yield made
    made.close()
    assert not children()
    assert not list(tmp_path.glob("cache/scratch/*"))


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM ends a process there without a signal")
def test_a_hollow_file_of_a_program_that_was_ended_is_swept(header: GgufHeader, tmp_path: Path) -> None:
    """Neither this program nor its child had a moment to clear away."""
    model = tmp_path / "model.gguf"
    write_hollow_file(header, model)
    ended = subprocess.run([sys.executable, "-c", _ENDED, str(model)], capture_output=True, timeout=120, check=False)
    left = list((cache_dir() / "scratch").glob("plans-*/model.gguf"))

    assert ended.returncode == -signal.SIGTERM
    assert len(left) == 1
    assert sweep_scratch_folders() == 1
    assert not left[0].exists()


def children() -> list[psutil.Process]:
    """Planning processes that run; one that was just killed gets a moment."""
    _gone, alive = psutil.wait_procs([process for process in psutil.Process().children() if plans(process)], timeout=3)
    return alive


def plans(process: psutil.Process) -> bool:
    try:
        command = process.cmdline()
    except psutil.Error:
        return False
    return "dry_run" in command or HANGS[2] in command


def done(answer: DryRunDone | DryRunRefused) -> DryRunDone:
    assert isinstance(answer, DryRunDone), answer
    return answer


def test_the_child_stays_warm_from_one_question_to_the_next(runs: DryRuns, header: GgufHeader) -> None:
    first = done(runs.ask(header, REQUEST))
    (child,) = [process.pid for process in psutil.Process().children() if plans(process)]

    other = done(runs.ask(published_for_engine("Qwen/Qwen3-0.6B"), REQUEST))
    again = done(runs.ask(header, REQUEST))

    assert runs.warm
    assert (first.plan.n_layers, other.plan.n_layers) == (3, 29)
    assert again.plan == first.plan
    assert [process.pid for process in psutil.Process().children() if plans(process)] == [child]


def test_a_child_that_nobody_asks_ends_and_the_next_question_starts_another(header: GgufHeader) -> None:
    runs = DryRuns(idle_seconds=0.3)
    first = done(runs.ask(header, REQUEST))
    deadline = time.monotonic() + 10
    while runs.warm and time.monotonic() < deadline:
        time.sleep(0.05)

    assert not runs.warm
    assert done(runs.ask(header, REQUEST)).plan == first.plan
    runs.close()
    assert not children()


def test_a_question_that_is_not_asked_after_all_leaves_no_child_for_good(header: GgufHeader) -> None:
    runs = DryRuns(idle_seconds=1.0)
    done(runs.ask(header, REQUEST))
    tensors = tuple(dataclasses.replace(each, size_bytes=each.size_bytes - 1) for each in header.tensors)
    with pytest.raises(InvalidFileError):
        runs.ask(dataclasses.replace(header, tensors=tensors), REQUEST)
    assert len([process for process in psutil.Process().children() if plans(process)]) == 1

    deadline = time.monotonic() + 10
    while runs.warm and time.monotonic() < deadline:
        time.sleep(0.05)

    assert not runs.warm
    runs.close()


@pytest.mark.parametrize("closing", [False, True])
def test_who_waits_for_another_question_hears_a_cancel_and_a_close(header: GgufHeader, closing: bool) -> None:
    runs = DryRuns(limit_seconds=20, command=HANGS)
    raised: list[type] = []

    def ask(cancelled: threading.Event) -> None:
        try:
            runs.ask(header, REQUEST, cancelled)
        except GardenError as error:
            raised.append(type(error))

    first, second = threading.Event(), threading.Event()
    asking = [threading.Thread(target=ask, args=(event,)) for event in (first, second)]
    asking[0].start()
    deadline = time.monotonic() + 10
    while not runs.warm and time.monotonic() < deadline:
        time.sleep(0.01)
    asking[1].start()
    second.set()
    asking[1].join(2)
    heard = not asking[1].is_alive()
    if closing:
        runs.close()
    first.set()
    for thread in asking:
        thread.join(30)

    assert heard
    assert raised[0] is CancelledByUser
    assert len(raised) == 2
    runs.close()
    assert not children()


def test_what_the_engine_refuses_is_an_answer(runs: DryRuns, header: GgufHeader) -> None:
    load = dataclasses.replace(REQUEST.load, flash_attention="off", type_v="q8_0")

    answer = runs.ask(header, DryRun(request_id=0, path="", load=load))

    assert isinstance(answer, DryRunRefused)
    assert runs.warm


def test_a_header_that_the_engine_aborts_over_costs_its_child_only(runs: DryRuns, header: GgufHeader) -> None:
    wrong = dataclasses.replace(header, metadata={**header.metadata, "llama.expert_count": 3})

    with pytest.raises(EngineCrashedError, match="ends with an error over this model") as failure:
        runs.ask(wrong, REQUEST)

    assert "GGML_ASSERT" in failure.value.detail
    assert done(runs.ask(header, REQUEST)).plan.n_layers == 3


def test_any_nonsense_in_a_header_is_one_clean_answer(runs: DryRuns, header: GgufHeader) -> None:
    draw = random.Random(11)
    keys = [key for key in header.metadata if key.startswith("llama.")]
    keys += [f"llama.{key}" for key in ("expert_count", "vocab_size", "attention.key_length", "rope.scaling.factor")]
    values: list[Value] = [0, 1, 3, 7, 2**31 - 1, 2**32 - 1, -1, (1, 2, 3), "x", True, float("nan"), 1e30]
    answers: set[type] = set()
    for _ in range(30):
        key, value = draw.choice(keys), draw.choice(values)
        kinds = {name: kind for name, kind in header.kinds.items() if name != key}
        wrong = dataclasses.replace(header, metadata={**header.metadata, key: value}, kinds=kinds)
        started = time.monotonic()
        try:
            answers.add(type(runs.ask(wrong, REQUEST)))
        except GardenError as error:
            answers.add(type(error))
            assert error.sentence.endswith(".")
        assert time.monotonic() - started < 20

    assert answers <= {DryRunDone, DryRunRefused, EngineCrashedError, InvalidFileError}
    assert done(runs.ask(header, REQUEST)).plan.n_layers == 3


def test_an_estimated_header_is_not_asked_about(runs: DryRuns, header: GgufHeader) -> None:
    tensors = tuple(dataclasses.replace(each, size_bytes=each.size_bytes - 1) for each in header.tensors)

    with pytest.raises(InvalidFileError, match="Read the header of this very file"):
        runs.ask(dataclasses.replace(header, tensors=tensors), REQUEST)

    # The hollow file of before is not taken for it.
    assert done(runs.ask(header, REQUEST)).plan.n_layers == 3


def test_a_child_that_hangs_is_ended(header: GgufHeader) -> None:
    runs = DryRuns(limit_seconds=0.5, command=HANGS)
    started = time.monotonic()

    with pytest.raises(WorkerDiedError, match="had not planned this load after"):
        runs.ask(header, REQUEST)

    assert time.monotonic() - started < 5
    assert not children()
    runs.close()


def test_a_cancel_is_heard_even_by_a_child_that_hangs(header: GgufHeader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_runs, "_CANCEL_GRACE_SECONDS", 0.2)
    runs = DryRuns(command=HANGS)
    cancelled = threading.Event()
    threading.Timer(0.3, cancelled.set).start()

    with pytest.raises(CancelledByUser):
        runs.ask(header, REQUEST, cancelled)

    assert not children()
    runs.close()


def test_closing_ends_a_question_under_way(header: GgufHeader) -> None:
    runs = DryRuns(command=HANGS)
    threading.Timer(0.3, runs.close).start()

    with pytest.raises(CancelledByUser):
        runs.ask(header, REQUEST)

    with pytest.raises(CancelledByUser):
        runs.ask(header, REQUEST)
    assert not children()


def test_several_threads_get_their_own_answers(runs: DryRuns, header: GgufHeader) -> None:
    models = {
        3: header,
        29: published_for_engine("Qwen/Qwen3-0.6B"),
        17: published_for_engine("meta-llama/Llama-3.2-1B-Instruct"),
    }
    got: list[tuple[int, int]] = []

    def ask(layers: int, model: GgufHeader) -> None:
        for _ in range(3):
            got.append((layers, done(runs.ask(model, REQUEST)).plan.n_layers))

    threads = [threading.Thread(target=ask, args=item) for item in models.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(got) == 9
    assert all(wanted == found for wanted, found in got)
