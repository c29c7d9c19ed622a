from __future__ import annotations

from pathlib import Path

import pytest

from garden.core.catalog import ModelSummary, RemoteFile, Repository, RepositoryFile
from garden.core.errors import NotFoundError, RefusedError
from garden.core.library_entry import LibraryEntry, Origin
from garden.core.model_ref import ModelRef
from garden.services.target import HubTarget, choose_entry, choose_file, full_name, looks_like_path, parse_hub_target


def entry(
    name: str,
    quant_type: str | None = None,
    *,
    origin: Origin = "folder",
    repo_id: str | None = None,
    folder: str = "/models",
) -> LibraryEntry:
    filename = f"{name}-{quant_type}.gguf" if quant_type else f"{name}.gguf"
    path = f"{folder}/{filename}"
    ref = ModelRef(name=name, filenames=(filename,), path=path, quant_type=quant_type, repo_id=repo_id)
    return LibraryEntry(ref=ref, origin=origin)


def repository(*quant_types: str) -> Repository:
    files = tuple(
        RepositoryFile(
            filename=f"model-{quant}.gguf",
            files=(RemoteFile(filename=f"model-{quant}.gguf", size_bytes=1),),
            quant_type=quant,
        )
        for quant in quant_types
    )
    return Repository(summary=ModelSummary(repo_id="owner/model"), revision="c" * 40, files=files)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("owner/repo:q4_k_m", HubTarget("owner/repo", quant_type="Q4_K_M")),
        ("owner/repo/folder/file.gguf", HubTarget("owner/repo", filename="folder/file.gguf")),
        ("owner/repo", HubTarget("owner/repo")),
        ("starter", None),
        ("a/b/c", None),
        ("../owner/repo:Q4_0", None),
        ("owner/..:Q4_0", None),
        ("https://huggingface.co/owner/repo", HubTarget("owner/repo")),
        ("hf.co/owner/repo:q8_0", HubTarget("owner/repo", quant_type="Q8_0")),
        ("hf://owner/repo", HubTarget("owner/repo")),
        ("https://huggingface.co/owner/repo/blob/main/a/b.gguf", HubTarget("owner/repo", filename="a/b.gguf")),
        (
            "https://huggingface.co/owner/repo/resolve/v2/a%20b.gguf?download=true",
            HubTarget("owner/repo", filename="a b.gguf", revision="v2"),
        ),
        ("https://huggingface.co/owner/repo/tree/v2", HubTarget("owner/repo", revision="v2")),
        ("https://huggingface.co/owner/repo/discussions/3", HubTarget("owner/repo")),
    ],
)
def test_a_target_on_the_hub_is_recognised_by_its_form(text: str, target: HubTarget | None) -> None:
    assert parse_hub_target(text) == target


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/owner/repo",
        "https://huggingface.co.example.org/owner/repo",
        "https://huggingface.co/datasets/owner/name",
        "https://huggingface.co/",
        "file:///etc/passwd",
        "http://[::1",
    ],
)
def test_an_address_of_anything_else_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_hub_target(text)

    assert caught.value.sentence == f"“{text}” is no address of a model on the Hub."
    assert caught.value.action


def test_pages_of_the_hub_in_use_count_as_well() -> None:
    found = parse_hub_target("http://127.0.0.1:8080/owner/repo/blob/main/m.gguf", "http://127.0.0.1:8080")

    assert found == HubTarget("owner/repo", filename="m.gguf")


def test_what_can_only_be_a_path_is_taken_as_one(tmp_path: Path) -> None:
    there = tmp_path / "model.gguf"
    there.write_bytes(b"")

    assert [looks_like_path(text) for text in ("./m.gguf", "/m.gguf", "~/m.gguf", str(there))] == [True] * 4
    assert [looks_like_path(text) for text in ("starter", "owner/repo:Q4_0", "Qwen3-8B")] == [False] * 3


def test_a_type_names_a_file_of_a_repository() -> None:
    chosen = choose_file(repository("Q4_K_M", "Q8_0"), HubTarget("owner/model", quant_type="Q8_0"))

    assert chosen.filename == "model-Q8_0.gguf"


def test_the_only_file_of_a_repository_needs_no_type() -> None:
    assert choose_file(repository("Q4_K_M"), HubTarget("owner/model")).quant_type == "Q4_K_M"


def test_a_type_that_a_repository_lacks_is_answered_with_those_it_has() -> None:
    with pytest.raises(NotFoundError) as caught:
        choose_file(repository("Q4_K_M", "Q8_0"), HubTarget("owner/model", quant_type="Q2_K"))

    assert caught.value.sentence == "owner/model has no Q2_K."
    assert "Q4_K_M, Q8_0" in caught.value.action


def test_a_repository_of_several_files_asks_which() -> None:
    with pytest.raises(NotFoundError) as caught:
        choose_file(repository("Q4_K_M", "Q8_0"), HubTarget("owner/model"))

    assert "owner/model:TYPE" in caught.value.action


def test_a_model_is_found_by_name_type_file_name_and_source() -> None:
    small, large = entry("Qwen3-8B", "Q4_K_M"), entry("Qwen3-8B", "Q8_0", repo_id="Qwen/Qwen3-8B-GGUF")
    entries = (small, large)

    assert choose_entry("qwen3-8b:q8_0", entries) is large
    assert choose_entry("Qwen3-8B-Q4_K_M.gguf", entries) is small
    assert choose_entry("Qwen/Qwen3-8B-GGUF:Q8_0", entries) is large
    assert choose_entry("Qwen3-8B", (small,)) is small


def test_a_name_of_several_models_is_asked_about_with_a_text_for_each() -> None:
    starter = entry("Smol", "Q4_1", origin="starter")
    there, made = entry("Smol", "Q8_0", folder="/a"), entry("Smol", "Q8_0", folder="/b")
    entries = (starter, there, made, entry("Smol", "Q2_K"), entry("Qwen3-8B", "Q2_K"))

    with pytest.raises(RefusedError) as caught:
        choose_entry("smol", entries)

    assert caught.value.sentence == "4 models here are called “smol”. Which one?"
    assert caught.value.action == "Write one of: starter, /a/Smol-Q8_0.gguf, /b/Smol-Q8_0.gguf, Smol:Q2_K."
    assert choose_entry("smol:q2_k", entries) is entries[3]


def test_a_repository_of_which_several_files_are_here_asks_which() -> None:
    entries = (entry("M", "Q2_K", repo_id="owner/M-GGUF"), entry("M", "Q8_0", repo_id="owner/M-GGUF"))

    with pytest.raises(RefusedError) as caught:
        choose_entry("owner/M-GGUF", entries)

    assert caught.value.action == "Write one of: M:Q2_K, M:Q8_0."
    assert choose_entry("owner/M-GGUF:Q8_0", entries) is entries[1]


def test_a_type_that_only_the_file_name_tells_tells_models_apart() -> None:
    plain = LibraryEntry(ref=ModelRef(name="M", filenames=("M-Q8_0.gguf",), path="/M-Q8_0.gguf"), origin="folder")
    entries = (entry("M", "Q2_K"), plain)

    assert choose_entry("M:Q8_0", entries) is plain


def test_starter_means_the_starter_whatever_else_is_called_so() -> None:
    starter = entry("SmolLM2-135M-Instruct", "Q4_1", origin="starter")

    assert choose_entry("starter", (entry("starter"), starter)) is starter


def test_a_missing_starter_is_offered() -> None:
    with pytest.raises(NotFoundError) as caught:
        choose_entry("starter", ())

    assert caught.value.action == "Fetch it: garden download starter"


def test_a_misspelt_name_is_answered_with_close_ones() -> None:
    with pytest.raises(NotFoundError) as caught:
        choose_entry("Qwen3-8", (entry("Qwen3-8B"), entry("Llama-3.1-70B")))

    assert caught.value.action == "Did you mean Qwen3-8B?"


def test_a_model_of_the_hub_that_is_not_here_is_offered_for_download() -> None:
    with pytest.raises(NotFoundError) as caught:
        choose_entry("Qwen/Qwen3-8B-GGUF:Q8_0", ())

    assert caught.value.action == "Download it first: garden download Qwen/Qwen3-8B-GGUF:Q8_0"


def test_the_full_name_tells_quants_apart_and_finds_them_again() -> None:
    entries = (entry("Qwen3-8B", "Q4_K_M"), entry("Qwen3-8B", "Q8_0"))

    assert [full_name(one) for one in entries] == ["Qwen3-8B:Q4_K_M", "Qwen3-8B:Q8_0"]
    assert [choose_entry(full_name(one), entries) for one in entries] == list(entries)


def test_a_sole_file_whose_name_tells_no_type_is_taken() -> None:
    sole = RepositoryFile(filename="other.gguf", files=(RemoteFile(filename="other.gguf", size_bytes=1),))
    of_one = Repository(summary=ModelSummary(repo_id="owner/other"), revision="c" * 40, files=(sole,))

    assert choose_file(of_one, HubTarget("owner/other", quant_type="Q4_0")) is sole
    assert choose_file(of_one, HubTarget("owner/other")) is sole


def test_what_an_error_says_to_write_works() -> None:
    files = tuple(
        RepositoryFile(filename=name, files=(RemoteFile(filename=name, size_bytes=1),))
        for name in ("one.gguf", "sub/two.gguf")
    )
    of_two = Repository(summary=ModelSummary(repo_id="owner/other"), revision="c" * 40, files=files)

    with pytest.raises(NotFoundError) as caught:
        choose_file(of_two, HubTarget("owner/other", quant_type="Q4_0"))

    written = caught.value.action.partition("write ")[2].rstrip(".")
    target = parse_hub_target(written)
    assert target is not None
    assert choose_file(of_two, target) is files[0]
