from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

from garden.core.errors import CancelledByUser
from garden.core.job_record import JobKind, JobState
from garden.core.paths import data_dir
from garden.jobs.job_context import JobContext
from garden.services.garden import Garden


def test_two_gardens_may_be_open_at_once(garden: Garden, tiny_model: Path, tmp_path: Path) -> None:
    with Garden.open() as other:
        other.settings.change(folders=(str(tiny_model.parent),))
        other.library.scan().result(20)

        assert [entry.ref.name for entry in garden.library.entries()] != []


def test_work_in_another_program_is_noticed(garden: Garden) -> None:
    garden.changed_elsewhere()

    with Garden.open() as other:
        other.activity.submit(JobKind.VERIFY, "x", "", lambda _job: None).result(20)

    assert garden.changed_elsewhere()
    assert not garden.changed_elsewhere()


def test_closing_stops_work_under_way_and_leaves_no_thread(data_dirs: Path) -> None:
    before = set(threading.enumerate())
    began = threading.Event()

    def work(job: JobContext) -> None:
        began.set()
        assert job.cancelled.wait(30)
        raise CancelledByUser

    with Garden.open() as garden:
        garden.activity.submit(JobKind.VERIFY, "x", "", work)
        assert began.wait(10)

    left = [thread for thread in set(threading.enumerate()) - before if not thread.name.startswith("job-ticker")]
    assert [thread.name for thread in left if thread.is_alive()] == []
    with Garden.open() as again:
        assert [job.state for job in again.activity.jobs()] == [JobState.CANCELLED]


#: Begins to make a file and is killed.
_BEGIN = """
import os, signal, sys
from pathlib import Path
from garden.quantization.part_file import PartFile
part = PartFile(Path(sys.argv[1]))
part.claim()
part.path.write_bytes(b"half a model")
os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
"""


def test_tending_sweeps_what_a_killed_quantization_left_wherever_it_went(garden: Garden, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    subprocess.run([sys.executable, "-c", _BEGIN, str(folder / "Model-Q4_0.gguf")], check=False)
    (left,) = folder.iterdir()

    garden.tend()

    # On a thread of its own, so that nothing waits for it.
    deadline = time.monotonic() + 20
    while left.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left.exists()


def test_tending_never_touches_a_download_of_another_program(garden: Garden, tmp_path: Path) -> None:
    downloads = tmp_path / "Downloads"
    names = {"Qwen3-8B-Q4_K_M.gguf.part", "b/Other.gguf.part", ".c.gguf.part"}
    (downloads / "b").mkdir(parents=True)
    for name in names:
        (downloads / name).write_bytes(b"as far as it came")
    garden.settings.change(models_dir=str(downloads))

    garden.tend()
    garden.workshop.sweep()

    assert {path.relative_to(downloads).as_posix() for path in downloads.rglob("*.part")} == names


def test_everything_of_the_users_lies_in_the_data_folder(garden: Garden, data_dirs: Path) -> None:
    garden.settings.change(theme="dark")

    assert {path.name for path in data_dir().iterdir()} >= {"work.sqlite", "settings.json"}
    assert data_dir() == data_dirs / "data"


def test_what_needs_no_database_does_not_wait_for_one(data_dirs: Path) -> None:
    garden = Garden()
    opening = threading.Event()
    go_on = threading.Event()

    def open_slowly() -> None:
        with garden.making["_work"]:
            opening.set()
            go_on.wait(10)

    thread = threading.Thread(target=open_slowly)
    thread.start()
    assert opening.wait(5)
    seen: list[int] = []
    reader = threading.Thread(target=lambda: seen.append(garden.machine.snapshot().ram_total_bytes), daemon=True)
    reader.start()
    reader.join(5)
    go_on.set()
    thread.join()
    garden.close()

    assert seen, "the machine waited for the database"
