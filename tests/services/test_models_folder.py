from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from garden.core.errors import RefusedError
from garden.core.job_record import JobKind
from garden.core.paths import data_dir
from garden.core.receipt import QuantizationReceipt
from garden.services import starter
from garden.services.folder_move import FolderMove, Journal
from garden.services.garden import Garden
from garden.store.conversations import Conversations


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

    garden._opened_conversations.find_files()

    ((_letter, configuration),) = garden.compare.open(chat.id).panes
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
def test_a_loaded_model_keeps_its_folder(garden: Garden, made: Path, tmp_path: Path) -> None:
    configuration = garden.compare.configuration_for(garden.library.describe(made))
    chat = garden.compare.new([configuration.with_ask(max_tokens=4)])
    garden.compare.ask(chat.id, "Hello?").result(60)

    with pytest.raises(RefusedError) as caught:
        garden.library.models_folder.move(tmp_path / "new")

    assert caught.value.sentence == "Made is loaded."
    assert made.exists()
