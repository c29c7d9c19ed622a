from __future__ import annotations

from pathlib import Path

import pytest

from garden.services.other_programs.jan import jan_models, older_jan_models
from tests.services.other_programs.store_files import in_jan


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    path = tmp_path / "bytes"
    path.write_bytes(b"GGUF")
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_description_names_the_model(data: Path, gguf: Path) -> None:
    path = in_jan(gguf, data=data, name="janhq/Jan-v1-4B-Q4_K_M")

    (found,) = jan_models(data)

    assert (found.program, found.path, found.publisher) == ("jan", path.resolve(), "janhq")
    assert found.name == "Jan-v1-4B"


def test_a_projector_is_named_too(data: Path, gguf: Path) -> None:
    path = in_jan(gguf, data=data, extra='mmproj_path: "llamacpp/models/Tiny-Q4_0/mmproj.gguf"\n')
    (path.parent / "mmproj.gguf").write_bytes(b"GGUF eyes")

    (found,) = jan_models(data)

    assert [file.read_bytes() for file in found.beside] == [b"GGUF eyes"]


@pytest.mark.parametrize(
    "value",
    [
        "../secret.gguf",
        "llamacpp/models/../../../secret.gguf",
        "/etc/passwd",
        "'../secret.gguf'",
        "llamacpp/models/Tiny-Q4_0",
        "",
        "x" * 5_000,
        "!!python/object/apply:os.system ['touch x']",
    ],
)
def test_a_path_that_leads_elsewhere_is_passed_over(data: Path, gguf: Path, value: str) -> None:
    in_jan(gguf, data=data)
    (data.parent / "secret.gguf").write_bytes(b"GGUF")
    (data / "llamacpp/models/Tiny-Q4_0/model.yml").write_text(f"model_path: {value}\nname: Evil\n")

    assert jan_models(data) == ()


def test_an_absolute_path_within_the_data_folder_counts(data: Path, gguf: Path) -> None:
    path = in_jan(gguf, data=data)
    (path.parent / "model.yml").write_text(f"name: Mine\nmodel_path: {path.resolve()}\n")

    assert [found.name for found in jan_models(data)] == ["Mine"]


def test_a_link_out_of_the_data_folder_is_passed_over(data: Path, gguf: Path) -> None:
    path = in_jan(gguf, data=data)
    path.unlink()
    path.symlink_to(gguf)

    assert jan_models(data) == ()


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"a: &a [*a,*a]\n" * 1_000, b"x: y\n" * 100_000, b"\x00"])
def test_a_damaged_description_takes_no_other_with_it(data: Path, gguf: Path, content: bytes) -> None:
    in_jan(gguf, data=data)
    broken = data / "llamacpp" / "models" / "broken"
    broken.mkdir()
    (broken / "model.yml").write_bytes(content)

    assert [found.name for found in jan_models(data)] == ["Tiny"]


def test_the_folder_of_an_older_jan_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "jan" / "models" / "tinyllama-1.1b"
    folder.mkdir(parents=True)
    (folder / "tinyllama-1.1b-chat-Q4_K_M.gguf").write_bytes(b"GGUF")
    (folder / "model.json").write_text("{}")

    assert [found.name for found in older_jan_models(tmp_path / "jan" / "models")] == ["tinyllama-1.1b-chat"]
