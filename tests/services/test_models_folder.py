from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from garden.core.errors import CancelledByUser, RefusedError
from garden.core.job_record import JobKind, JobState
from garden.core.messages import ModelLoaded
from garden.core.paths import data_dir
from garden.core.receipt import QuantizationReceipt
from garden.core.run_configuration import RunConfiguration
from garden.inference.local_backend import LocalBackend
from garden.services import starter
from garden.services.folder_move import FolderMove, Journal
from garden.services.garden import Garden
from garden.store.conversations import Conversations

#: Another program of Garden that loads a file, or moves the folder, for as long as it lives.
_ANOTHER = """
import sys, time
from pathlib import Path
from garden.services.folder_move import FolderMove
from garden.services.garden import Garden
what, path = sys.argv[1:]
def endless(*_):
    print("begun", flush=True)
    time.sleep(60)
with Garden.open() as garden:
    if what == "load":
        with garden.library.models_folder.loading((path,)):
            endless()
    FolderMove.run = endless
    garden.library.models_folder.move(Path(path)).result(60)
"""


def receipt_of(path: Path) -> QuantizationReceipt:
    return QuantizationReceipt(
        quant_type="Q4_0",
        path=str(path),
        size_bytes=path.stat().st_size,
        bits_per_weight=4.5,
        seconds=1.0,
        peak_memory_bytes=1,
        sha256="ab" * 32,
        source_path="/models/source.gguf",
        source_sha256="cd" * 32,
        tensors={},
        finished_at=1.0,
    )


@pytest.fixture
def made(garden: Garden, tiny_model: Path) -> Path:
    """A model that was made here, in the models folder, used and hashed."""
    folder = garden.settings.models_dir
    folder.mkdir(parents=True)
    path = Path(shutil.copyfile(tiny_model, folder / "Made-F16.gguf"))
    garden._receipts.save(receipt_of(path))
    garden._uses.used(str(path), at=1_000.0)
    entry = garden.library.describe(path)
    garden.library.verify(entry).result(20)
    return path


def test_the_folder_moves_with_its_files_and_all_that_is_known_of_them(
    garden: Garden, made: Path, tmp_path: Path
) -> None:
    new = tmp_path / "disk" / "models"
    chat = garden.compare.new([garden.compare.configuration_for(garden.library.describe(made))])
    conversations = Conversations(garden._work)
    conversations.save(chat)

    assert garden.library.models_folder.move(new).result(30) == new

    path = new / made.name
    (entry,) = garden.library.entries()
    assert (entry.ref.path, entry.origin, entry.last_used_at) == (str(path), "made_here", 1_000.0)
    assert entry.ref.sha256 is not None
    assert not made.exists()
    assert garden.settings.models_dir == new
    receipt = garden._receipts.for_path(str(path))
    assert receipt is not None
    assert receipt.path == str(path)
    # On the disk, and where it stands open.
    for panes in (conversations.load(chat.id).panes, garden.compare.open(chat.id).panes):
        assert [configuration.model.path for _letter, configuration in panes] == [str(path)]
    assert garden.library.models_folder.unfinished is None


def test_the_starter_stays_where_it_is_looked_for(garden: Garden, made: Path, tmp_path: Path) -> None:
    starter.starter_path().parent.mkdir(parents=True)
    starter.starter_path().write_bytes(b"GGUF")

    garden.library.models_folder.move(tmp_path / "new").result(30)

    assert starter.starter_path().exists()
    assert (tmp_path / "new" / made.name).exists()


def test_a_move_that_was_cut_short_is_listed_from_both_folders_and_goes_on(
    garden: Garden, made: Path, tiny_model: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    new.mkdir()
    Journal(old=made.parent, new=new).write(data_dir() / "moving-models.json")
    shutil.copyfile(tiny_model, new / "Moved-F16.gguf")

    assert {entry.ref.name for entry in garden.library.scan().result(20)} == {"Made", "Moved"}
    with pytest.raises(RefusedError) as caught:
        garden.library.models_folder.move(tmp_path / "elsewhere")
    assert str(new) in caught.value.action

    garden.library.models_folder.move(new).result(30)
    assert {path.name for path in new.iterdir()} == {made.name, "Moved-F16.gguf"}
    assert garden.settings.models_dir == new


def test_a_move_that_was_cancelled_before_the_first_file_leaves_the_choice_open(
    garden: Garden, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = FolderMove.run

    def cancelled(self: FolderMove, on_bytes: Callable[[int, str], None], _cancelled: threading.Event) -> None:
        at_once = threading.Event()
        at_once.set()
        run(self, on_bytes, at_once)

    monkeypatch.setattr(FolderMove, "run", cancelled)
    with pytest.raises(CancelledByUser):
        garden.library.models_folder.move(tmp_path / "wrong").result(30)
    monkeypatch.setattr(FolderMove, "run", run)

    assert garden.library.models_folder.unfinished is None
    assert garden.library.models_folder.move(tmp_path / "right").result(30) == tmp_path / "right"


def test_a_model_in_use_keeps_its_folder(garden: Garden, made: Path, tmp_path: Path) -> None:
    end = threading.Event()
    work = garden.activity.submit(JobKind.VERIFY, "Made", "", lambda _job: end.wait(20), reads=(str(made),))

    with pytest.raises(RefusedError) as caught:
        garden.library.models_folder.move(tmp_path / "new")

    assert caught.value.sentence == "Work on Made is under way in that folder."
    end.set()
    work.result(20)
    assert made.exists()


def test_nothing_begins_with_a_file_that_is_on_its_way(
    garden: Garden, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_its_way, go_on = threading.Event(), threading.Event()
    run = FolderMove.run

    def slow(self: FolderMove, on_bytes: Callable[[int, str], None], cancelled: threading.Event) -> None:
        on_its_way.set()
        assert go_on.wait(20)
        run(self, on_bytes, cancelled)

    monkeypatch.setattr(FolderMove, "run", slow)
    entry = garden.library.describe(made)
    moving = garden.library.models_folder.move(tmp_path / "new")
    assert on_its_way.wait(20)
    try:
        for begin in (
            lambda: garden.library.verify(entry),
            lambda: garden.activity.submit(JobKind.QUANTIZE, "Other", "Q4_0", lambda _job: None),
            lambda: garden.library.models_folder.refuse_while_moving((str(made),)),
        ):
            with pytest.raises(RefusedError) as caught:
                begin()
            assert caught.value.sentence == "The models folder is being moved."
        # A download goes to the Hub cache, which stays where it is.
        garden.activity.submit(JobKind.DOWNLOAD, "Other", "", lambda _job: None).result(20)
    finally:
        go_on.set()
    moving.result(30)


@pytest.fixture
def begin_elsewhere() -> Iterator[Callable[[str, Path], subprocess.Popen[str]]]:
    """Begin to load or to move in another process."""
    children: list[subprocess.Popen[str]] = []

    def begin(what: str, path: Path) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", _ANOTHER, what, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        children.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "begun\n"
        return child

    yield begin
    for child in children:
        child.kill()
        child.communicate()


def test_a_file_that_another_program_loads_keeps_its_folder_while_that_one_lives(
    garden: Garden, made: Path, tmp_path: Path, begin_elsewhere: Callable[[str, Path], subprocess.Popen[str]]
) -> None:
    child = begin_elsewhere("load", made)

    with pytest.raises(RefusedError) as caught:
        garden.library.models_folder.move(tmp_path / "new")
    assert caught.value.sentence == "Made-F16.gguf is being loaded."

    child.kill()
    child.wait()
    garden.library.models_folder.move(tmp_path / "new").result(30)
    assert (tmp_path / "new" / made.name).exists()
    assert not list((data_dir() / "loading").iterdir())


def test_a_move_of_a_killed_program_refuses_nothing_and_goes_on_here(
    garden: Garden, made: Path, tmp_path: Path, begin_elsewhere: Callable[[str, Path], subprocess.Popen[str]]
) -> None:
    folder = garden.library.models_folder
    new = tmp_path / "new"
    child = begin_elsewhere("move", new)
    for begin in (lambda: folder.refuse_while_moving((str(made),)), lambda: folder.move(new)):
        with pytest.raises(RefusedError) as caught:
            begin()
        assert caught.value.sentence == "The models folder is being moved."

    child.kill()
    child.wait()

    with folder.loading((str(made),)):
        (job,) = (job for job in garden.activity.jobs() if job.kind is JobKind.MOVE)
        assert job.state is JobState.PAUSED
    assert folder.unfinished is not None
    folder.move(new).result(30)
    assert garden.settings.models_dir == new
    assert [job.state for job in garden.activity.jobs() if job.kind is JobKind.MOVE] == [JobState.SUCCEEDED]
    assert folder.unfinished is None


def test_jobs_that_have_ended_name_files_where_they_lie_now(garden: Garden, made: Path, tmp_path: Path) -> None:
    def of_check() -> tuple[str, ...]:
        return next(job.reads for job in garden.activity.own_jobs() if job.kind is JobKind.VERIFY)

    garden.library.verify(garden.library.describe(made)).result(20)
    assert of_check() == (str(made),)

    garden.library.models_folder.move(tmp_path / "new").result(30)

    assert of_check() == (str(tmp_path / "new" / made.name),)
    assert all(str(made) not in job.target for job in garden.activity.jobs())


def test_a_folder_that_holds_more_than_models_stays(garden: Garden) -> None:
    garden.settings.change(models_dir=str(data_dir().parent))

    with pytest.raises(RefusedError):
        garden.library.models_folder.move(data_dir().parent.parent / "elsewhere")


def test_a_conversation_finds_a_file_that_another_program_of_garden_moved(
    garden: Garden, made: Path, tmp_path: Path
) -> None:
    chat = garden.compare.new([garden.compare.configuration_for(garden.library.describe(made))])
    there = tmp_path / "there" / "renamed.gguf"
    there.parent.mkdir()
    made.rename(there)
    garden.library.add_folder(there.parent).result(20)
    garden.library.verify(garden.library.describe(there)).result(20)
    garden.library.scan().result(20)

    conversations = Conversations(garden._work)
    conversations.save(chat)
    garden._opened_conversations.find_files()

    for now in (garden.compare.open(chat.id), conversations.load(chat.id)):
        ((_letter, configuration),) = now.panes
        assert configuration.model.path == str(there)


@pytest.mark.engine
def test_an_open_conversation_goes_on_after_the_move(garden: Garden, starter_path: Path, tmp_path: Path) -> None:
    folder = garden.settings.models_dir
    folder.mkdir(parents=True)
    path = Path(shutil.copyfile(starter_path, folder / "Chat-Q4_1.gguf"))
    chat = garden.compare.new([garden.compare.configuration_for(garden.library.describe(path)).with_ask(max_tokens=4)])
    garden.compare.ask(chat.id, "Hello?").result(120)
    garden.compare.close_conversation(chat.id)

    garden.library.models_folder.move(tmp_path / "new").result(60)
    (answer,) = garden.compare.ask(chat.id, "And now?").result(120).answers

    assert not path.exists()
    assert answer.error is None
    assert answer.text
    assert answer.configuration.model.path == str(tmp_path / "new" / path.name)
    assert len(garden.compare.open(chat.id).turns) == 2


@pytest.mark.engine
def test_a_model_that_is_being_loaded_keeps_its_folder(
    garden: Garden, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    load = LocalBackend.load

    def slow(
        self: LocalBackend,
        configuration: RunConfiguration,
        on_progress: Callable[[float], None] | None = None,
        *,
        cancelled: threading.Event | None = None,
    ) -> ModelLoaded:
        begun.set()
        assert go_on.wait(20)
        return load(self, configuration, on_progress, cancelled=cancelled)

    monkeypatch.setattr(LocalBackend, "load", slow)
    configuration = garden.compare.configuration_for(garden.library.describe(made))
    chat = garden.compare.new([configuration.with_ask(max_tokens=4)])
    turn = garden.compare.ask(chat.id, "Hello?")
    try:
        assert begun.wait(20)
        with pytest.raises(RefusedError) as caught:
            garden.library.models_folder.move(tmp_path / "new")
        assert caught.value.sentence == "Made-F16.gguf is being loaded."
    finally:
        go_on.set()
    (answer,) = turn.result(60).answers
    assert answer.error is None


@pytest.mark.engine
def test_a_loaded_model_keeps_its_folder(garden: Garden, made: Path, tmp_path: Path) -> None:
    configuration = garden.compare.configuration_for(garden.library.describe(made))
    chat = garden.compare.new([configuration.with_ask(max_tokens=4)])
    garden.compare.ask(chat.id, "Hello?").result(60)

    with pytest.raises(RefusedError) as caught:
        garden.library.models_folder.move(tmp_path / "new")

    assert caught.value.sentence == "Made is loaded."
    assert made.exists()
