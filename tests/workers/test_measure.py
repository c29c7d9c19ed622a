"""The measure worker as a child, and the call that drives it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psutil
import pytest

from garden.core.errors import CancelledByUser, InvalidFileError, NotFoundError, RefusedError
from garden.core.messages import MeasureOutput, MeasureQuality, Progress, QualityMeasured
from garden.core.model_ref import ModelRef
from garden.core.paths import cache_dir
from garden.core.receipt import QualityReport
from garden.process.task import run_task
from garden.quantization.child_task import measure_quality, run_quantization
from garden.quantization.plan import QuantizationRequest
from tests import tiny_models
from tests.quantization.odd_models import write_odd_model

pytestmark = pytest.mark.engine


def ref(path: Path, quant_type: str | None = None) -> ModelRef:
    return ModelRef(name=path.stem, filenames=(path.name,), path=str(path), quant_type=quant_type)


@pytest.fixture(scope="session")
def rungs(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelRef]:
    """The small model in three types."""
    folder = tmp_path_factory.mktemp("rungs")
    made = {}
    for quant_type in ("Q8_0", "Q4_0", "Q2_K"):
        request = QuantizationRequest(
            source=ref(tiny_model), quant_type=quant_type, destination=folder / f"{quant_type}.gguf"
        )
        made[quant_type] = ref(Path(run_quantization(request, threads=2).path))
    return made


def measure(base: Path, *quants: ModelRef, windows: int = 2, text: Path | None = None) -> list[QualityReport]:
    return list(measure_quality(ref(base, "F16"), quants, threads=2, windows=windows, text=text))


def test_fewer_bits_lose_more(tiny_model: Path, rungs: dict[str, ModelRef], tmp_path: Path) -> None:
    eight, four, two = measure(tiny_model, rungs["Q8_0"], rungs["Q4_0"], rungs["Q2_K"])

    assert 0 < eight.kld_mean < four.kld_mean < two.kld_mean
    assert eight.same_top > four.same_top > two.same_top
    assert eight.kld_mean < eight.kld_p99
    assert 0 < eight.kld_standard_error < eight.kld_mean
    # The second half of each window of 512, whose last token has no successor.
    assert eight.tokens_scored == 2 * 255
    assert (eight.model, eight.base, eight.text) == ("Q8_0", "Tiny-Chat-F16", "English and code")
    assert list((cache_dir() / "scratch").iterdir()) == []


def test_a_model_loses_nothing_against_itself(tiny_model: Path, tmp_path: Path) -> None:
    (report,) = measure(tiny_model, ref(tiny_model), windows=1)

    assert abs(report.kld_mean) < 1e-5
    assert report.same_top == 1.0
    assert report.perplexity_ratio_log == 0.0


def test_progress_counts_tokens_and_names_the_model(
    tiny_model: Path, rungs: dict[str, ModelRef], tmp_path: Path
) -> None:
    seen: list[Progress] = []

    measure_quality(ref(tiny_model), [rungs["Q8_0"]], threads=2, windows=2, on_progress=seen.append)

    assert (seen[-1].done, seen[-1].total, seen[-1].note) == (2048, 2048, "Q8_0")
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    assert seen[0].note == "Loading Tiny-Chat-F16"


def test_an_own_text_is_measured_under_its_name(tiny_model: Path, rungs: dict[str, ModelRef], tmp_path: Path) -> None:
    text = tmp_path / "chat.txt"
    # A marker is one token, not its ten letters.
    text.write_text("<|im_end|>" * 512, "utf-8")

    (report,) = measure(tiny_model, rungs["Q8_0"], text=text)

    assert (report.text, report.tokens_scored) == ("chat.txt", 255)


def test_a_context_shorter_than_the_window_shortens_the_window(tmp_path: Path) -> None:
    base = tiny_models.write_tiny_model(tmp_path / "short.gguf", context_length=128)

    (report,) = measure(base, ref(base), windows=3)

    assert report.tokens_scored == 3 * 63


def test_a_text_that_is_too_short_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Too short.", "utf-8")

    with pytest.raises(RefusedError, match="The text is too short: 10 tokens, at least 512 are needed"):
        measure(tiny_model, ref(tiny_model), text=text)
    assert list((cache_dir() / "scratch").iterdir()) == []


def test_another_vocabulary_is_refused(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny_models, "SPECIALS", tuple(f"<|special_{n}|>" for n in range(60)))
    other = tiny_models.write_tiny_model(tmp_path / "other.gguf")

    with pytest.raises(RefusedError, match="different vocabularies"):
        measure(tiny_model, ref(other), windows=1)


def test_a_model_without_a_tokenizer_is_refused_instead_of_crashing(tmp_path: Path) -> None:
    mute = write_odd_model(tmp_path / "mute.gguf")

    with pytest.raises((RefusedError, InvalidFileError)):
        measure(mute, ref(mute), windows=1)


def test_a_model_of_nan_is_told_as_damaged(tiny_model: Path, tmp_path: Path) -> None:
    raw = bytearray(tiny_model.read_bytes())
    # Half-precision NaN over the last matrix.
    raw[-300_000:-2_048] = b"\x00\x7e" * ((300_000 - 2_048) // 2)
    broken = tmp_path / "nan.gguf"
    broken.write_bytes(raw)

    with pytest.raises(InvalidFileError, match="no numbers"):
        measure(tiny_model, ref(broken), windows=1)
    with pytest.raises(InvalidFileError, match="no numbers"):
        measure(broken, ref(tiny_model), windows=1)


def test_a_file_that_is_no_model_is_told(tiny_model: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.gguf"
    text.write_text("This is a text.")

    with pytest.raises(InvalidFileError):
        measure(tiny_model, ref(text), windows=1)
    with pytest.raises(NotFoundError, match="is no longer in"):
        measure(tiny_model, ref(tmp_path / "gone.gguf"))


def test_a_cancel_ends_the_child_at_once_and_empties_the_scratch_folder(tiny_model: Path, tmp_path: Path) -> None:
    cancelled = threading.Event()
    acted: list[float] = []

    def on_progress(progress: Progress) -> None:
        if progress.done > 0 and not acted:
            acted.append(time.monotonic())
            cancelled.set()

    with pytest.raises(CancelledByUser):
        measure_quality(
            ref(tiny_model),
            [ref(tiny_model)] * 20,
            threads=1,
            windows=30,
            on_progress=on_progress,
            cancelled=cancelled,
        )

    assert time.monotonic() - acted[0] < 3  # 0.07 s on a quiet machine
    assert list((cache_dir() / "scratch").iterdir()) == []
    assert psutil.Process().children() == []


@pytest.mark.starter
def test_the_loss_of_the_starter_in_q4_0_is_plausible_and_takes_seconds(starter_path: Path, tmp_path: Path) -> None:
    request = QuantizationRequest(
        source=ref(starter_path), quant_type="Q4_0", destination=tmp_path / "q.gguf", allow_requantize=True
    )
    made = run_quantization(request, threads=2)
    text = tmp_path / "text.txt"
    message = MeasureQuality(
        base=str(starter_path),
        quants=(made.path,),
        names=("starter", "Q4_0"),
        text_path=str(text),
        text_name="English",
        windows=2,
        threads=2,
        cache_dir=str(tmp_path),
    )
    from garden.core.paths import resource_path

    text.write_bytes(resource_path("quality/english.txt").read_bytes())

    measured = run_task("measure", message, MeasureOutput, QualityMeasured)

    # 0.188 on code and 0.241 on another English text, over 2,500 and 4,000 positions.
    assert 0.12 < measured.reports[0].kld_mean < 0.4
    assert 0.65 < measured.reports[0].same_top < 0.85
    assert 8 < measured.base_perplexity < 40
