from __future__ import annotations

from garden.core.catalog import ModelSummary, RemoteFile, Repository
from garden.hub.file_grouping import group_files
from garden.services.files_beside import FilesBeside, files_beside


def _beside(**sizes: int) -> tuple[FilesBeside, ...]:
    files = group_files(RemoteFile(filename=name, size_bytes=size) for name, size in sizes.items())
    summary = ModelSummary(repo_id="owner/m", filenames=tuple(sizes))
    return files_beside(Repository(summary=summary, revision="c" * 40, files=files))


def test_every_file_is_either_a_model_or_told_beside_them() -> None:
    told = _beside(
        **{
            "m-Q8_0.gguf": 80,
            "m-Q4_K_M-00001-of-00002.gguf": 20,
            "m-Q4_K_M-00002-of-00002.gguf": 20,
            "m-BF16-00002-of-00002.gguf": 50,
            "mmproj-m-F16.gguf": 9,
            "m.imatrix": 3,
            "sql-lora.gguf": 2,
            "README.md": 1,
            "model.safetensors": 200,
        }
    )

    assert [(sort.title, sort.size_bytes, sort.filenames) for sort in told] == [
        ("Vision projector", 9, ("mmproj-m-F16.gguf",)),
        ("Importance matrix", 3, ("m.imatrix",)),
        ("Adapter", 2, ("sql-lora.gguf",)),
        ("Incomplete set", 50, ("m-BF16-00002-of-00002.gguf",)),
        ("2 other files", None, ("README.md", "model.safetensors")),
    ]
    assert told[0].note == "Fetched with each model"
    assert told[-1].note == "Not for llama.cpp"


def test_of_several_projectors_the_one_that_is_fetched_is_named() -> None:
    projectors = _beside(**{"m-Q8_0.gguf": 80, "mmproj-F16.gguf": 9, "mmproj-F32.gguf": 18, "mmproj-BF16.gguf": 9})[0]

    assert (projectors.title, projectors.size_bytes) == ("3 vision projectors", 36)
    assert projectors.note == "F16 is fetched with each model"


def test_projectors_alone_belong_to_models_elsewhere() -> None:
    assert _beside(**{"mmproj-F16.gguf": 9})[0].note == "For models of other repositories"


def test_nothing_beside_models_is_nothing_to_tell() -> None:
    assert _beside(**{"m-Q8_0.gguf": 80}) == ()
    assert _beside(**{"m-Q8_0.gguf": 80, "README.md": 1})[0].title == "1 other file"
