from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from garden.core.errors import (
    CancelledByUser,
    GardenError,
    HubUnreachableError,
    IntegrityError,
    NotFoundError,
    RefusedError,
)
from garden.core.events import JobChanged, LibraryChanged
from garden.core.job_record import JobKind, JobState
from garden.core.library_entry import OtherProgram
from garden.core.paths import hub_cache_dir
from garden.services.garden import Garden
from garden.services.other_programs.found_model import FoundModel
from garden.services.other_programs.stores import models_of_others
from garden.services.target import HubTarget, parse_hub_target
from tests.hubserver import Fault, HubServer, repository_of

REPO = "owner/Tiny-Chat-GGUF"


@pytest.fixture
def hub(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer([repository_of(REPO, tiny_model)]) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


def target(text: str = f"{REPO}:F16") -> HubTarget:
    found = parse_hub_target(text)
    assert found is not None
    return found


def copy_of(model: Path, folder: Path, name: str = "Mine-F16.gguf") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(model, folder / name))


# --- what is here ---


def test_a_fresh_machine_has_nothing(garden: Garden) -> None:
    assert garden.library.scan().result(20) == ()


def test_a_scan_describes_what_lies_in_an_added_folder(garden: Garden, tiny_model: Path, tmp_path: Path) -> None:
    events = garden.bus.subscribe()
    mine = copy_of(tiny_model, tmp_path / "models")

    entries = garden.library.add_folder(mine.parent).result(20)

    (entry,) = entries
    assert (entry.ref.name, entry.ref.quant_type, entry.origin, entry.architecture) == (
        "Mine",
        "F16",
        "folder",
        "llama",
    )
    assert (entry.context_length, entry.license, entry.problem) == (2_048, "cc0-1.0", None)
    assert entry.ref.size_bytes == mine.stat().st_size
    assert garden.library.entries() == entries
    assert any(isinstance(event, LibraryChanged) for event in events.drain())


def test_a_text_file_named_gguf_is_listed_as_what_it_is(garden: Garden, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "note.gguf").write_text("This is a note, not a model, whatever it is called.")

    (entry,) = garden.library.add_folder(tmp_path / "models").result(20)

    assert entry.problem is not None
    assert "not a GGUF file" in entry.problem
    assert entry.architecture is None


def test_a_cut_file_is_listed_as_incomplete(garden: Garden, tiny_model: Path, tmp_path: Path) -> None:
    mine = copy_of(tiny_model, tmp_path / "models")
    with mine.open("r+b") as stream:
        stream.truncate(mine.stat().st_size // 2)

    (entry,) = garden.library.add_folder(mine.parent).result(20)

    assert entry.problem is not None
    assert "complete" in entry.problem


def test_a_folder_that_is_not_there_is_refused(garden: Garden, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        garden.library.add_folder(tmp_path / "nowhere")

    assert garden.settings.current.folders == ()


def test_an_added_file_is_listed_and_one_that_is_none_refused(garden: Garden, tiny_model: Path, tmp_path: Path) -> None:
    mine = copy_of(tiny_model, tmp_path / "models")
    (tmp_path / "other").mkdir()
    note = tmp_path / "other" / "note.gguf"
    note.write_text("a note")

    assert garden.library.add_file(mine).ref.path == str(mine)
    with pytest.raises(RefusedError):
        garden.library.add_file(note)

    assert [entry.ref.path for entry in garden.library.entries()] == [str(mine)]


def test_a_path_names_a_model_outside_the_library(garden: Garden, tiny_model: Path) -> None:
    assert garden.library.resolve(str(tiny_model)).architecture == "llama"
    assert garden.library.entries() == ()


def test_a_path_to_nothing_is_one_sentence(garden: Garden) -> None:
    with pytest.raises(NotFoundError) as caught:
        garden.library.resolve("/nowhere/model.gguf")

    assert caught.value.sentence == "There is no file /nowhere/model.gguf."


def test_a_name_finds_a_model_that_was_put_there_since_the_last_scan(
    garden: Garden, tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "models").mkdir()
    garden.library.add_folder(tmp_path / "models").result(20)
    mine = copy_of(tiny_model, tmp_path / "models")

    assert garden.library.resolve("mine:f16").ref.path == str(mine)


def test_a_model_that_was_deleted_behind_our_back_is_not_found(
    garden: Garden, tiny_model: Path, tmp_path: Path
) -> None:
    mine = copy_of(tiny_model, tmp_path / "models")
    garden.library.add_folder(mine.parent).result(20)
    mine.unlink()

    with pytest.raises(NotFoundError):
        garden.library.resolve("Mine")


def test_a_damaged_index_is_made_again(data_dirs: Path, tiny_model: Path, tmp_path: Path) -> None:
    mine = copy_of(tiny_model, tmp_path / "models")
    with Garden.open() as garden:
        garden.library.add_folder(mine.parent).result(20)
    (data_dirs / "cache" / "index.sqlite").write_bytes(b"not a database" * 1000)

    with Garden.open() as again:
        assert [entry.ref.path for entry in again.library.scan().result(20)] == [str(mine)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps files that are open")
def test_an_index_that_is_deleted_while_garden_runs_is_filled_again_by_itself(
    data_dirs: Path, garden: Garden, tiny_model: Path, tmp_path: Path
) -> None:
    mine = copy_of(tiny_model, tmp_path / "models")
    garden.library.add_folder(mine.parent).result(20)
    events = garden.bus.subscribe()

    for path in (data_dirs / "cache").glob("index.sqlite*"):
        path.unlink()
    garden.library.entries()

    assert any(isinstance(event, LibraryChanged) for event in events.wait(20))
    assert [entry.ref.path for entry in garden.library.entries()] == [str(mine)]


# --- fetching ---


def test_a_download_is_verified_listed_and_recorded(hub: HubServer, garden: Garden, tiny_model: Path) -> None:
    events = garden.bus.subscribe()

    entry = garden.library.download_target(target()).result(60)

    assert entry.origin == "hub_cache"
    assert entry.ref.repo_id == REPO
    assert entry.verified is True
    assert Path(entry.ref.path or "").read_bytes() == tiny_model.read_bytes()
    assert garden.library.resolve(f"{REPO}:F16") == garden.library.entries()[0]
    states = [event.job.state for event in events.drain() if isinstance(event, JobChanged)]
    assert states[-1] is JobState.SUCCEEDED


def test_the_same_file_asked_for_twice_is_one_transfer(hub: HubServer, garden: Garden) -> None:
    hub.faults.add(Fault("slow", bytes_per_second=400_000))

    first, second = garden.library.download_target(target()), garden.library.download_target(target())

    assert first is second
    first.cancel()
    with pytest.raises(CancelledByUser):
        first.result(20)


def test_a_damaged_transfer_is_never_listed(hub: HubServer, garden: Garden) -> None:
    hub.faults.add(Fault("corrupt", after_bytes=100_000, times=100))

    with pytest.raises(IntegrityError):
        garden.library.download_target(target()).result(100)

    assert garden.library.scan().result(20) == ()


def test_a_download_that_was_stopped_goes_on_where_it_stopped(hub: HubServer, garden: Garden) -> None:
    hub.faults.add(Fault("slow", bytes_per_second=1_000_000))
    events = garden.bus.subscribe()
    handle = garden.library.download_target(target())
    while not any(isinstance(event, JobChanged) and event.job.done > 200_000 for event in events.wait(20)):
        assert not handle.done
    garden.activity.cancel(handle.id, keep=True)
    with pytest.raises(CancelledByUser):
        handle.result(20)
    before = len(hub.requests)

    garden.library.download_target(target()).result(60)

    ranges = [request.range for request in hub.requests[before:] if request.origin == "cdn"]
    assert [value for value in ranges if value and value != "bytes=0-"] == ranges


def test_a_type_that_the_repository_lacks_is_said_before_anything_is_fetched(hub: HubServer, garden: Garden) -> None:
    with pytest.raises(NotFoundError):
        garden.library.download_target(target(f"{REPO}:Q2_K"))

    assert garden.activity.jobs() == ()


def test_a_hub_that_does_not_answer_is_one_sentence(garden: Garden) -> None:
    with pytest.raises(HubUnreachableError):
        garden.library.download_target(target())


#: Another Garden, which begins a download and is still at it.
_BEGIN = """
import sys
from garden.core.events import JobChanged
from garden.services.garden import Garden
from garden.services.target import parse_hub_target
garden = Garden.open()
events = garden.bus.subscribe()
garden.library.download_target(parse_hub_target(sys.argv[1]))
while not any(isinstance(event, JobChanged) and event.job.done > 200_000 for event in events.wait(20)):
    pass
print("moving", flush=True)
if sys.argv[2] == "close":
    garden.close()
else:
    sys.stdin.read()
"""


def _begin_and_end(hub: HubServer, end: str) -> int:
    """Begin a download in a process that ends in the middle of it; returns how much was asked of the Hub."""
    hub.faults.add(Fault("slow", bytes_per_second=1_000_000))
    command = [sys.executable, "-c", _BEGIN, f"{REPO}:F16", end]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "moving\n"
        if end == "kill":
            process.kill()
    return len(hub.requests)


def _resumed_ranges(hub: HubServer, before: int) -> list[str | None]:
    return [request.range for request in hub.requests[before:] if request.origin == "cdn"]


def test_what_closing_had_paused_goes_on_by_itself_at_the_next_start(
    hub: HubServer, data_dirs: Path, tiny_model: Path
) -> None:
    before = _begin_and_end(hub, "close")

    with Garden.open() as again:
        events = again.bus.subscribe()
        assert [job.state for job in again.activity.jobs()] == [JobState.PAUSED]
        again.tend()
        while not again.activity.jobs()[0].state.ended:
            events.wait(5)
        assert again.activity.jobs()[0].state is JobState.SUCCEEDED
        (entry,) = again.library.entries()

    assert Path(entry.ref.path or "").read_bytes() == tiny_model.read_bytes()
    (resumed,) = _resumed_ranges(hub, before)
    assert resumed not in (None, "bytes=0-")


def test_what_was_killed_goes_on_only_when_it_is_asked_for(hub: HubServer, data_dirs: Path, tiny_model: Path) -> None:
    before = _begin_and_end(hub, "kill")

    # Another command comes first, then a window: neither fetches anything unasked.
    subprocess.run([sys.executable, "-m", "garden", "library"], check=True, capture_output=True)
    with Garden.open() as again:
        again.tend()
        (job,) = again.activity.jobs()
        assert (job.state, job.note) == (JobState.PAUSED, "Interrupted; resume to go on")
        assert again.activity.interrupted() == (job,)
        assert hub.requests[before:] == []

        entry = again.library.download_target(target()).result(60)
        # Under its old record: nothing is left that claims to wait.
        assert [(old.id, old.state) for old in again.activity.jobs()] == [(job.id, JobState.SUCCEEDED)]

    assert Path(entry.ref.path or "").read_bytes() == tiny_model.read_bytes()
    (resumed,) = _resumed_ranges(hub, before)
    assert resumed not in (None, "bytes=0-")


def test_a_paused_download_waits_until_it_is_resumed(hub: HubServer, garden: Garden) -> None:
    hub.faults.add(Fault("slow", bytes_per_second=1_000_000))
    events = garden.bus.subscribe()
    handle = garden.library.download_target(target())
    while not any(isinstance(event, JobChanged) and event.job.done > 200_000 for event in events.wait(20)):
        assert not handle.done

    garden.activity.pause(handle.id)
    while garden.activity.jobs()[0].state is not JobState.PAUSED:
        events.wait(5)
    garden.activity.resume(handle.id)

    assert handle.result(60).ref.repo_id == REPO


def test_a_paused_download_goes_on_when_it_is_asked_for_again(hub: HubServer, garden: Garden) -> None:
    hub.faults.add(Fault("slow", bytes_per_second=1_000_000))
    events = garden.bus.subscribe()
    handle = garden.library.download_target(target())
    while not any(isinstance(event, JobChanged) and event.job.done > 200_000 for event in events.wait(20)):
        assert not handle.done
    garden.activity.pause(handle.id)
    while garden.activity.jobs()[0].state is not JobState.PAUSED:
        events.wait(5)
    before = len(hub.requests)

    again = garden.library.download_target(target())

    assert again.result(60) == handle.result(60)
    assert [(job.id, job.state) for job in garden.activity.jobs()] == [(handle.id, JobState.SUCCEEDED)]
    (resumed,) = _resumed_ranges(hub, before)
    assert resumed not in (None, "bytes=0-")


def test_a_download_that_activity_resumed_is_not_begun_beside_it(hub: HubServer, data_dirs: Path) -> None:
    _begin_and_end(hub, "kill")

    with Garden.open() as again:
        again.tend()
        (job,) = again.activity.jobs()
        resumed = again.activity.resume(job.id)
        asked = again.library.download_target(target())

        assert asked.result(60) == resumed.result(60)
        assert [old.id for old in again.activity.jobs()] == [job.id]


def test_the_starter_asked_for_twice_is_fetched_once(garden: Garden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")

    first, second = garden.library.fetch_starter(), garden.library.fetch_starter()

    assert first is second
    with pytest.raises(HubUnreachableError):
        first.result(60)


def test_offline_nothing_is_fetched(hub: HubServer, garden: Garden) -> None:
    repository = garden.catalog.repository(REPO).result(20)
    garden.settings.change(offline=True)
    asked = len(hub.requests)

    with pytest.raises(GardenError):
        garden.library.download(repository, repository.files[0]).result(20)
    with pytest.raises(HubUnreachableError) as caught:
        garden.library.fetch_starter().result(20)

    assert caught.value.action == "Go online in the settings first, or with `garden hub online`."
    assert len(hub.requests) == asked


@pytest.fixture
def slow_scan(garden: Garden, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A scan that has read the settings and goes on when the event is set."""
    looking, go_on = threading.Event(), threading.Event()

    def slowly(without: tuple[OtherProgram, ...]) -> tuple[FoundModel, ...]:
        looking.set()
        assert go_on.wait(20)
        return models_of_others(without)

    monkeypatch.setattr("garden.services.library_scan.models_of_others", slowly)
    scan = garden.library.scan()
    assert looking.wait(20)
    yield go_on
    scan.result(20)


def test_a_file_that_is_added_while_a_scan_looks_is_listed(
    garden: Garden, slow_scan: threading.Event, tmp_path: Path, tiny_model: Path
) -> None:
    path = tmp_path / "models" / "Alpha-F16.gguf"
    path.parent.mkdir()
    shutil.copyfile(tiny_model, path)
    adding = threading.Thread(target=garden.library.add_file, args=(path,))
    adding.start()
    while str(path) not in garden.settings.current.files:
        assert adding.is_alive()
    slow_scan.set()
    adding.join(20)

    assert [entry.ref.path for entry in garden.library.entries()] == [str(path)]


def test_what_was_made_while_a_scan_looks_stays_listed(
    garden: Garden, slow_scan: threading.Event, tmp_path: Path, tiny_model: Path
) -> None:
    path = tmp_path / "Made-F16.gguf"
    shutil.copyfile(tiny_model, path)
    garden.library.made(path)
    events = garden.bus.subscribe()
    slow_scan.set()
    while not any(isinstance(event, LibraryChanged) for event in events.wait(20)):
        pass

    assert [entry.ref.path for entry in garden.library.entries()] == [str(path)]


# --- checking and removing ---


def test_an_unchanged_download_verifies_and_a_changed_one_does_not(hub: HubServer, garden: Garden) -> None:
    entry = garden.library.download_target(target()).result(60)
    path = Path(entry.ref.path or "").resolve()

    assert garden.library.verify(entry).result(20) is True

    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    assert garden.library.verify(entry).result(20) is False
    assert garden.library.entries()[0].verified is False


def test_a_file_that_nobody_promised_a_hash_for_is_hashed_and_said_so(
    garden: Garden, tiny_model: Path, tmp_path: Path
) -> None:
    entry = garden.library.describe(copy_of(tiny_model, tmp_path / "models"))
    assert entry.ref.sha256 is None

    assert garden.library.verify(entry).result(20) is None

    assert len(garden.library.describe(Path(entry.ref.path or "")).ref.sha256 or "") == 64


def test_removing_a_download_frees_its_bytes(hub: HubServer, garden: Garden, tiny_model: Path) -> None:
    entry = garden.library.download_target(target()).result(60)

    freed = garden.library.remove(entry, to_trash=False).now_bytes

    assert freed == tiny_model.stat().st_size
    assert [path for path in hub_cache_dir().rglob("*") if path.is_file() and path.stat().st_size > 100_000] == []
    assert garden.library.scan().result(20) == ()


def test_removing_a_set_of_shards_removes_all_of_them(garden: Garden, tiny_model: Path, tmp_path: Path) -> None:
    first = copy_of(tiny_model, tmp_path / "models", "Split-00001-of-00002.gguf")
    second = copy_of(tiny_model, tmp_path / "models", "Split-00002-of-00002.gguf")
    (entry,) = garden.library.add_folder(first.parent).result(20)

    freed = garden.library.remove(entry, to_trash=False).now_bytes

    assert freed == entry.ref.size_bytes
    assert not first.exists()
    assert not second.exists()


def test_what_is_gone_already_can_still_be_removed_from_the_list(
    garden: Garden, tiny_model: Path, tmp_path: Path
) -> None:
    mine = copy_of(tiny_model, tmp_path / "models")
    (entry,) = garden.library.add_folder(mine.parent).result(20)
    mine.unlink()

    assert garden.library.remove(entry, to_trash=False).frees_bytes == 0
    assert garden.library.entries() == ()


def test_a_model_that_work_under_way_reads_cannot_be_removed(garden: Garden, tiny_model: Path, tmp_path: Path) -> None:
    mine = copy_of(tiny_model, tmp_path / "models")
    (entry,) = garden.library.add_folder(mine.parent).result(20)
    end = threading.Event()
    work = garden.activity.submit(JobKind.QUANTIZE, "Mine", "Q4_0", lambda _context: end.wait(20), reads=(str(mine),))

    with pytest.raises(RefusedError) as caught:
        garden.library.remove(entry, to_trash=False)

    assert caught.value.sentence == "Mine is in use: a quantization of it is under way."
    assert mine.exists()
    end.set()
    work.result(20)
    garden.library.remove(entry, to_trash=False)
    assert not mine.exists()


def test_a_name_of_two_models_is_refused_after_another_look_at_the_disk(
    garden: Garden, tiny_model: Path, tmp_path: Path
) -> None:
    one, two = (copy_of(tiny_model, tmp_path / "models" / name) for name in ("a", "b"))
    garden.library.add_folder(tmp_path / "models").result(20)

    with pytest.raises(RefusedError) as caught:
        garden.library.resolve("Mine:F16")

    assert caught.value.action == f"Write one of: {one}, {two}."
    two.unlink()
    assert garden.library.resolve("Mine:F16").ref.path == str(one)


def test_a_file_named_by_its_type_alone_is_called_what_its_header_says(
    garden: Garden, tiny_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "Some-Model-GGUF"
    folder.mkdir()
    shutil.copyfile(tiny_model, folder / "F16.gguf")
    header = garden.fit.header(garden.library.describe(tiny_model).ref)

    entry = garden.library.add_file(folder / "F16.gguf")

    assert entry.ref.name == (header.text("general.name") or "Some-Model")
    assert entry.ref.quant_type == "F16"
    assert garden.library.resolve(f"{entry.ref.name}:F16").ref.path == entry.ref.path
