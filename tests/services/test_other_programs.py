"""Models of other programs in the library: listed in place, loaded, exported, and never touched."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from garden.core.errors import RefusedError
from garden.core.library_entry import LibraryEntry
from garden.services.garden import Garden
from garden.services.other_programs.stores import owner_of
from tests.services.other_programs.store_files import home, in_jan, in_lm_studio, in_ollama


def by_origin(garden: Garden) -> dict[str, LibraryEntry]:
    return {entry.origin: entry for entry in garden.library.scan().result(20)}


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file below with its inode, time and content."""
    return {
        str(path): (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_every_program_is_listed_under_its_own_word(
    garden: Garden, tiny_model: Path, other_tiny_model: Path, base_model: Path
) -> None:
    blob = in_ollama(tiny_model, tag="0.1b")
    file = in_lm_studio(other_tiny_model)
    model = in_jan(base_model)

    found = by_origin(garden)

    assert set(found) == {"ollama", "lm_studio", "jan"}
    ollama = found["ollama"]
    assert (ollama.ref.name, ollama.ref.path, ollama.architecture) == ("tiny:0.1b", str(blob), "llama")
    assert (ollama.ref.quant_type, ollama.publisher, ollama.problem) == ("F16", "library", None)
    assert ollama.ref.sha256 == blob.name.removeprefix("sha256-")
    assert (found["lm_studio"].ref.path, found["lm_studio"].publisher) == (str(file), "somebody")
    assert (found["jan"].ref.name, found["jan"].ref.path) == ("Tiny", str(model))


def test_a_model_is_named_as_its_program_names_it(garden: Garden, tiny_model: Path) -> None:
    blob = in_ollama(tiny_model, tag="0.1b")
    in_ollama(tiny_model, tag="latest")
    garden.library.scan().result(20)

    for name in ("tiny:0.1b", "Tiny:latest"):
        assert garden.library.resolve(name).ref.path == str(blob)


def test_a_hash_in_a_blobs_name_is_a_promise_that_is_checked(garden: Garden, tiny_model: Path) -> None:
    blob = in_ollama(tiny_model)
    entry = by_origin(garden)["ollama"]
    assert entry.verified is None
    assert garden.library.verify(entry).result(20) is True

    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.write_bytes(content)

    assert garden.library.verify(entry).result(20) is False


def test_a_program_that_was_switched_off_is_not_read(garden: Garden, tiny_model: Path, other_tiny_model: Path) -> None:
    in_ollama(tiny_model)
    in_lm_studio(other_tiny_model)

    garden.settings.change(hidden_programs=("ollama",))

    assert set(by_origin(garden)) == {"lm_studio"}


def test_a_store_that_is_an_added_folder_too_is_listed_once_and_stays_its_programs(
    garden: Garden, tiny_model: Path
) -> None:
    file = in_lm_studio(tiny_model)
    (entry,) = garden.library.add_folder(home() / ".lmstudio" / "models").result(20)
    assert (entry.origin, entry.ref.path) == ("lm_studio", str(file))
    garden.settings.change(hidden_programs=("lm_studio",))
    (entry,) = garden.library.scan().result(20)
    assert entry.origin == "folder"

    with pytest.raises(RefusedError):
        garden.library.remove(entry, to_trash=False)

    assert file.exists()


@pytest.mark.parametrize("put", [in_ollama, in_lm_studio, in_jan])
@pytest.mark.parametrize("to_trash", [True, False])
def test_no_file_of_another_program_is_ever_removed(
    garden: Garden, tiny_model: Path, put: object, to_trash: bool
) -> None:
    assert callable(put)
    put(tiny_model)
    before = snapshot(home())
    (entry,) = garden.library.scan().result(20)
    garden.library.verify(entry).result(20)

    plan = garden.library.removal(entry, to_trash=to_trash)
    with pytest.raises(RefusedError) as caught:
        garden.library.remove(entry, to_trash=to_trash)

    assert (plan.owner, plan.paths, plan.frees_bytes) == (entry.origin, (), 0)
    assert "belongs to" in caught.value.sentence
    assert "Remove it" in caught.value.action
    assert snapshot(home()) == before


def test_ollama_is_told_how_it_removes_a_model_by_every_name(garden: Garden, tiny_model: Path) -> None:
    in_ollama(tiny_model, tag="0.1b")
    in_ollama(tiny_model, tag="latest")
    (entry,) = garden.library.scan().result(20)

    assert (
        garden.library.removal(entry).owner_action == "Remove it there: ollama rm tiny:0.1b and ollama rm tiny:latest"
    )


def test_a_link_of_the_users_into_a_store_is_the_users(tmp_path: Path, tiny_model: Path) -> None:
    blob = in_ollama(tiny_model)
    link = tmp_path / "mine" / "Tiny.gguf"
    link.parent.mkdir()
    link.symlink_to(blob)

    assert owner_of(link) is None
    assert owner_of(blob) == "ollama"
    assert owner_of(tmp_path / "mine" / ".." / "mine" / "x.gguf") is None


@pytest.mark.engine
def test_a_blob_without_an_ending_chats_and_is_exported_by_its_path(
    garden: Garden, tiny_model: Path, tmp_path: Path
) -> None:
    blob = in_ollama(tiny_model)
    before = snapshot(home())
    (entry,) = garden.library.scan().result(20)

    made = garden.compare.configuration_for(entry)
    sampling = dataclasses.replace(made.ask.sampling, temperature=0.0)
    chat = garden.compare.new([made.with_ask(sampling=sampling, max_tokens=8, seed=11)])
    (answer,) = garden.compare.ask(chat.id, "Why is the sky blue?").result(60).answers

    assert answer.error is None
    assert len(answer.token_ids) > 0
    for target in garden.exports.formats:
        export = garden.exports.render(target.name, answer.configuration, answer)
        assert any(str(blob) in text for _name, text in export.files), target.name
    assert snapshot(home()) == before


@pytest.mark.starter
@pytest.mark.engine
def test_the_starter_chats_out_of_ollamas_store(garden: Garden, starter_path: Path) -> None:
    store = home() / ".ollama" / "models"
    blob = in_ollama(Path(os.path.realpath(starter_path)), store=store)
    (entry,) = garden.library.scan().result(20)
    assert (entry.ref.path, entry.ref.quant_type, entry.problem) == (str(blob), "Q4_1", None)

    made = garden.compare.configuration_for(entry)
    chat = garden.compare.new([made.with_ask(max_tokens=16, seed=1)])
    (answer,) = garden.compare.ask(chat.id, "Name a fruit.").result(100).answers

    assert answer.error is None
    assert answer.text.strip()
