from __future__ import annotations

import dataclasses

import pytest

from garden.core.catalog import ModelSummary
from garden.core.fit_forecast import FitMethod, Placement, Verdict
from garden.core.hardware_snapshot import HardwareSnapshot
from garden.core.run_configuration import LoadParameters
from garden.fit.estimator import forecast, rough_forecast
from garden.fit.known_shapes import file_parts
from tests.fit.headers import gpu, machine, published, published_items
from tests.hubserver.mixture import MIXTURES

LAPTOP = machine(21.3, gpu(8, free_gib=7.6), total_gib=32)
DESKTOP = machine(12, total_gib=16)


def row(parameters: float | None, **fields: object) -> ModelSummary:
    count = None if parameters is None else int(parameters)
    return dataclasses.replace(ModelSummary(repo_id="owner/model", parameters=count), **fields)  # type: ignore[arg-type]  # its fields


@pytest.mark.parametrize(
    ("parameters", "on", "verdict", "placement", "words"),
    [
        (1.2e9, LAPTOP, Verdict.FITS, Placement.GPU, "Q8_0 needs about"),
        (4e9, LAPTOP, Verdict.FITS, Placement.GPU, "Q6_K needs about"),
        (14e9, LAPTOP, Verdict.FITS, Placement.SPLIT, "of it on the GPU"),
        (120e9, LAPTOP, Verdict.TOO_LARGE, Placement.NONE, "are free"),
        (1.2e9, DESKTOP, Verdict.FITS, Placement.CPU, "Q8_0 needs about"),
        (8e9, DESKTOP, Verdict.FITS, Placement.CPU, "Q4_K_M needs about"),
        (70e9, DESKTOP, Verdict.TOO_LARGE, Placement.NONE, "are free"),
    ],
)
def test_a_row_gets_the_file_that_one_would_take(
    parameters: float, on: HardwareSnapshot, verdict: Verdict, placement: Placement, words: str
) -> None:
    result = rough_forecast(row(parameters), on, 16_384)

    assert (result.verdict, result.placement, result.method) == (verdict, placement, FitMethod.ROUGH)
    assert words in result.reason
    assert result.reason.endswith(".")
    assert bool(result.suggestion) == (verdict is Verdict.TOO_LARGE)


def test_the_parts_add_up_on_every_device() -> None:
    for parameters in (1e9, 14e9, 70e9):
        result = rough_forecast(row(parameters), LAPTOP, 16_384)
        assert result.total_bytes == pytest.approx(sum(device.required_bytes for device in result.devices), abs=8)


def test_a_size_that_the_hub_does_not_tell_is_unknown() -> None:
    result = rough_forecast(row(None), DESKTOP, 16_384)

    assert (result.verdict, result.total_bytes) == (Verdict.UNKNOWN, None)


def test_other_tasks_are_no_language_models() -> None:
    for task in ("automatic-speech-recognition", "text-to-image", "feature-extraction"):
        assert rough_forecast(row(1e9, pipeline_tag=task), DESKTOP, 8_192).verdict is Verdict.NOT_A_LANGUAGE_MODEL


def test_only_a_gguf_files_architecture_counts_against_it() -> None:
    gguf = row(8e9, architecture="brand-new", has_gguf=True)
    original = row(8e9, architecture="brand-new")

    assert rough_forecast(gguf, DESKTOP, 8_192).verdict is Verdict.UNSUPPORTED
    assert rough_forecast(original, DESKTOP, 8_192).verdict is Verdict.FITS
    assert rough_forecast(row(1e9, architecture="bert"), DESKTOP, 8_192).verdict is Verdict.NOT_A_LANGUAGE_MODEL


def test_the_context_is_capped_by_what_the_model_was_trained_for() -> None:
    assert rough_forecast(row(1e9, context_length=4_096), DESKTOP, 16_384).context_length == 4_096


@pytest.mark.parametrize("parameters", [0, -1, 1, 10**30])
def test_numbers_that_make_no_sense_get_an_answer(parameters: int) -> None:
    assert rough_forecast(row(parameters), LAPTOP, 16_384).reason


def errors_of(context_length: int, **caches: str) -> dict[tuple[str, str], float]:
    """Share by which each published model's rough figure is off from its header's, for every type of file."""
    found = {}
    for repo_id, item in published_items().items():
        load = LoadParameters(context_length=min(context_length, item["context_length"] or context_length), **caches)  # type: ignore[arg-type]  # its fields
        parameters = item["computed_parameters"]["value"]
        for quant_type in ("MXFP4",) if item["architecture"] == "gpt-oss" else set(MIXTURES) - {"MXFP4"}:
            exact = forecast(published(repo_id, quant_type), load, machine(4_096)).total_bytes
            assert exact is not None
            rough = sum(file_parts(parameters, quant_type, load, item["architecture"]))
            found[repo_id, quant_type] = abs(rough - exact) / exact
    return found


@pytest.mark.parametrize(
    ("context_length", "caches"), [(16_384, {}), (4_096, {}), (65_536, {"type_k": "q8_0", "type_v": "q8_0"})]
)
def test_a_published_models_row_is_near_to_what_its_header_says(context_length: int, caches: dict[str, str]) -> None:
    errors = errors_of(context_length, **caches)

    assert len(errors) > 450
    assert sum(errors.values()) / len(errors) < 0.02
    assert max(errors.values()) < 0.13, max(errors, key=lambda key: errors[key])


def test_a_mixture_of_eight_experts_keeps_no_more_than_one_of_them() -> None:
    load = LoadParameters(context_length=16_384)

    weights, cache, _compute = file_parts(46_702_792_704, "Q2_K", load, "llama")

    assert cache == 2 * 1024**3
    # What publishers' files of it have: 16.1 GiB.
    assert weights == pytest.approx(17.3e9, rel=0.02)


def test_a_size_that_nobody_published_lies_between_its_neighbours() -> None:
    load = LoadParameters(context_length=16_384)
    sizes = [sum(file_parts(round(billions * 1e9), "Q4_K_M", load, "qwen3")) for billions in (0.7, 2, 6, 11, 20, 60)]

    assert sizes == sorted(sizes)


def test_a_family_that_nobody_published_is_taken_for_a_usual_one() -> None:
    load = LoadParameters(context_length=16_384)
    known, unknown = (sum(file_parts(8_000_000_000, "Q4_K_M", load, name)) for name in ("llama", "brand-new"))

    assert unknown == pytest.approx(known, rel=0.1)


def test_what_a_smaller_file_or_context_lets_run_is_not_too_large() -> None:
    result = rough_forecast(row(22e9), DESKTOP, 16_384)

    assert result.verdict is Verdict.TIGHT
    assert result.reason.startswith("With ")
    assert result.total_bytes is not None
    assert result.total_bytes < 12 * 1024**3


def files(*quants: str) -> tuple[str, ...]:
    """A repository's names, with what is no model beside them."""
    return (*(f"Model-{quant}.gguf" for quant in quants), "mmproj-Model-F16.gguf", "imatrix.dat", "README.md")


@pytest.mark.parametrize(
    ("parameters", "on", "quants", "taken"),
    [
        (4e9, LAPTOP, ("Q8_0", "Q5_K_M", "Q4_K_M"), "Q5_K_M"),
        (4e9, LAPTOP, ("Q8_0", "Q2_K"), "Q8_0"),
        (4e9, LAPTOP, ("IQ2_M",), "IQ2_M"),
        (8e9, DESKTOP, ("Q8_0", "Q4_K_S", "Q2_K"), "Q4_K_S"),
        (8e9, DESKTOP, ("F16",), "F16"),
        (8e9, DESKTOP, (), "Q4_K_M"),
    ],
)
def test_a_row_takes_one_of_the_files_that_its_names_tell(
    parameters: float, on: HardwareSnapshot, quants: tuple[str, ...], taken: str
) -> None:
    assert f" {taken} needs about" in rough_forecast(row(parameters, filenames=files(*quants)), on, 16_384).reason


def test_a_smaller_file_or_a_shorter_context_lets_a_row_run_tightly() -> None:
    smaller = rough_forecast(row(22e9, filenames=files("Q4_K_M", "IQ2_M")), DESKTOP, 4_096)
    shorter = rough_forecast(row(13e9, filenames=files("Q4_K_M")), DESKTOP, 32_768)
    neither = rough_forecast(row(70e9, filenames=files("Q4_K_M", "Q2_K")), DESKTOP, 4_096)

    assert (smaller.verdict, shorter.verdict) == (Verdict.TIGHT, Verdict.TIGHT)
    assert smaller.reason.startswith("With 4k of context IQ2_M needs about ")
    assert shorter.reason.startswith("With 8k of context Q4_K_M needs about ")
    assert neither.verdict is Verdict.TOO_LARGE
    assert neither.suggestion == "Look for a model of fewer parameters than 70.0B."


def test_a_type_is_named_only_where_it_was_seen() -> None:
    unnamed = rough_forecast(row(8e9, filenames=("other.gguf", "README.md")), DESKTOP, 16_384)

    assert unnamed.quant_type is None
    assert "a file of type Q4_K_M would need about" in unnamed.reason
    assert unnamed.total_bytes
    assert rough_forecast(row(8e9, filenames=files("Q4_K_M")), DESKTOP, 16_384).quant_type == "Q4_K_M"
