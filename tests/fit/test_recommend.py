from __future__ import annotations

import dataclasses

from garden.core.catalog import FileKind, RemoteFile, RepositoryFile
from garden.core.fit_forecast import DeviceMemory, FitForecast, FitMethod, Placement, Verdict
from garden.core.quantity import GIB
from garden.fit.recommend import Rated, recommendation, recommended, steady

#: Sizes of an 8B model.
SIZES = {
    "BF16": 16.4e9, "Q8_0": 8.7e9, "Q6_K": 6.7e9, "Q5_K_M": 5.9e9, "Q5_0": 5.7e9, "Q4_K_M": 5.0e9, "Q4_0": 4.8e9,
    "IQ4_XS": 4.6e9, "Q3_K_M": 4.1e9, "Q2_K": 3.3e9,
}  # fmt: skip


def ladder(
    *, gpu: str | None = None, cpu: str = "BF16", tight: str = "", scale: float = 1.0, kind: FileKind = "model"
) -> list[Rated]:
    """Files on a machine where everything up to ``gpu`` lies on the GPU, and up to ``cpu`` beside it."""
    rated = []
    for quant, size in SIZES.items():
        placement = Placement.GPU if gpu and size <= SIZES[gpu] else Placement.CPU
        verdict = Verdict.FITS if size <= SIZES[cpu] else Verdict.TOO_LARGE
        verdict = Verdict.TIGHT if quant == tight else verdict
        name = f"m-{quant}.gguf"
        file = RepositoryFile(
            filename=name, files=(RemoteFile(filename=name, size_bytes=int(size * scale)),), kind=kind, quant_type=quant
        )
        rated.append((file, FitForecast(verdict=verdict, placement=placement, reason="", method=FitMethod.FORMULA)))
    return rated


def choice(files: list[Rated]) -> str | None:
    file = recommended(files)
    return file.quant_type if file else None


def test_on_a_gpu_the_largest_that_fits() -> None:
    assert choice(ladder(gpu="Q5_K_M")) == "Q5_K_M"
    assert choice(ladder(gpu="Q8_0")) == "Q8_0"


def test_nothing_finer_than_8_bits_is_worth_it() -> None:
    assert choice(ladder(gpu="BF16")) == "Q8_0"


def test_on_the_processor_the_usual_type() -> None:
    assert choice(ladder()) == "Q4_K_M"


def test_a_small_model_is_quick_at_8_bits() -> None:
    assert choice(ladder(scale=0.1)) == "Q8_0"


def test_older_types_are_passed_over() -> None:
    assert choice(ladder(gpu="Q5_0")) == "Q4_K_M"


def test_two_bits_are_the_last_resort() -> None:
    assert choice(ladder(gpu="Q2_K")) == "Q4_K_M"
    assert choice(ladder(cpu="Q2_K")) == "Q2_K"


def test_a_tight_one_is_better_than_none() -> None:
    files = ladder(cpu="Q2_K", tight="Q2_K")[:-1] + ladder(cpu="Q2_K", tight="Q2_K")[-1:]
    found = recommendation(files)

    assert found is not None
    assert (found.file.quant_type, found.reason.endswith("with little room to spare.")) == ("Q2_K", True)


def test_nothing_that_runs_means_nothing_to_recommend() -> None:
    none = [(file, dataclasses.replace(fit, verdict=Verdict.TOO_LARGE)) for file, fit in ladder()]

    assert recommended(none) is None
    assert recommended([]) is None


def test_only_models_are_recommended() -> None:
    assert recommended(ladder(kind="projector")) is None


def test_a_name_that_says_nothing_counts_as_usual() -> None:
    file = RepositoryFile(filename="m.gguf", files=(RemoteFile(filename="m.gguf", size_bytes=4 * 10**9),))
    fit = FitForecast(verdict=Verdict.FITS, placement=Placement.CPU, reason="", method=FitMethod.FORMULA)

    assert recommended([(file, fit)]) == file


def test_each_recommendation_says_why() -> None:
    for files in (ladder(), ladder(gpu="Q5_K_M"), ladder(scale=0.1), ladder(cpu="Q2_K")):
        found = recommendation(files)
        assert found is not None
        assert found.reason.endswith(".")


def on_cpu(free_gib: float) -> list[Rated]:
    """Files of a 32B model on a processor with so much memory free."""
    rated = []
    for file, fit in ladder(scale=4):
        need = file.size_bytes + 2 * GIB
        free = round(free_gib * GIB)
        device = DeviceMemory(
            name="RAM", kind="ram", total_bytes=32 * GIB, available_bytes=free, weights_bytes=need, margin_bytes=GIB
        )
        verdict = Verdict.TOO_LARGE if need > free else Verdict.TIGHT if free - need < GIB else Verdict.FITS
        rated.append((file, dataclasses.replace(fit, verdict=verdict, devices=(device,))))
    return rated


def test_a_small_move_of_free_memory_changes_nothing() -> None:
    taken = steady(on_cpu(21.9), None)
    assert taken is not None
    first = taken.quant_type
    # Alone, each reading would say something else.
    assert len({choice(on_cpu(free)) for free in (21.2, 21.9)}) == 2

    seen = []
    for free in (21.2, 21.9, 21.3, 21.8, 21.1):
        taken = steady(on_cpu(free), taken.filename)
        assert taken is not None
        seen.append(taken.quant_type)

    assert set(seen) == {first}


def test_a_large_move_of_free_memory_does() -> None:
    taken = recommended(on_cpu(28))
    assert taken is not None

    now = steady(on_cpu(17), taken.filename)

    assert now is not None
    assert now.quant_type != taken.quant_type
