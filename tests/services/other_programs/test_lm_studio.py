from __future__ import annotations

from pathlib import Path

from garden.services.other_programs.lm_studio import lm_studio_models


def _write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"GGUF")
    return path


def test_files_are_named_by_themselves_and_published_by_their_folder(tmp_path: Path) -> None:
    _write(tmp_path / "ggml-org" / "gpt-oss-20b-GGUF" / "gpt-oss-20b-Q4_K_M.gguf")
    _write(tmp_path / "loose-Q8_0.gguf")

    found = {model.name: model for model in lm_studio_models(tmp_path)}

    assert {name: model.publisher for name, model in found.items()} == {"gpt-oss-20b": "ggml-org", "loose": None}
    assert all((model.program, model.sha256) == ("lm_studio", None) for model in found.values())


def test_a_projector_belongs_to_the_models_beside_it(tmp_path: Path) -> None:
    _write(tmp_path / "a" / "vision" / "vision-Q4_K_M.gguf")
    eyes = _write(tmp_path / "a" / "vision" / "mmproj-vision-f16.gguf")
    _write(tmp_path / "b" / "seeing" / "seeing-Q4_K_M.gguf")
    other_eyes = _write(tmp_path / "b" / "seeing" / "seeing.mmproj-f16.gguf")
    _write(tmp_path / "a" / "text" / "text-Q4_K_M.gguf")

    beside = {model.name: model.beside for model in lm_studio_models(tmp_path)}

    assert beside == {"vision": (eyes.resolve(),), "seeing": (other_eyes.resolve(),), "text": ()}


def test_a_set_of_shards_is_one_model(tmp_path: Path) -> None:
    for number in (1, 2):
        _write(tmp_path / "a" / "big" / f"big-Q4_0-0000{number}-of-00002.gguf")

    assert [model.name for model in lm_studio_models(tmp_path)] == ["big"]


def test_links_that_lead_out_are_passed_over(tmp_path: Path) -> None:
    outside = _write(tmp_path / "outside" / "secret.gguf")
    store = tmp_path / "store"
    inside = _write(store / "a" / "b" / "real-Q8_0.gguf")
    (inside.parent / "linked.gguf").symlink_to(outside)
    (store / "c").symlink_to(outside.parent, target_is_directory=True)

    assert [model.name for model in lm_studio_models(store)] == ["real"]


def test_a_name_out_of_a_folder_is_one_plain_line(tmp_path: Path) -> None:
    _write(tmp_path / "we\u202eird\nfolk" / "x" / "a\tb\u202ec.gguf")

    (model,) = lm_studio_models(tmp_path)

    assert (model.name, model.publisher) == ("a b c", "we ird folk")
