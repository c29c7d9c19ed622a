from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from garden.core.errors import AlreadyThereError, CancelledByUser, GardenError, RefusedError
from garden.core.job_record import JobState
from garden.services.garden import Garden
from tests.tiny_models import write_tiny_model

pytestmark = pytest.mark.engine


def test_a_dry_run_tells_the_size_of_the_file_to_the_byte(garden: Garden, tiny_model: Path) -> None:
    source = garden.library.describe(tiny_model)

    (forecast,) = garden.workshop.forecast(source, ["Q4_K_M"]).result(60)
    receipt = garden.workshop.quantize(source, "Q4_K_M").result(60)

    assert receipt.size_bytes == forecast.size_bytes == Path(receipt.path).stat().st_size
    assert receipt.forecast_size_bytes == forecast.size_bytes
    assert receipt.forecast_bits_per_weight == forecast.bits_per_weight == receipt.bits_per_weight


def test_a_receipt_holds_what_earlier_runs_let_expect_and_nothing_else(garden: Garden, tiny_model: Path) -> None:
    source = garden.library.describe(tiny_model)

    first = garden.workshop.quantize(source, "Q4_K_M").result(60)
    second = garden.workshop.quantize(source, "Q8_0").result(60)

    assert (first.forecast_seconds, first.forecast_peak_memory_bytes) == (None, None)
    assert (second.forecast_seconds, second.forecast_peak_memory_bytes) == (first.seconds, first.peak_memory_bytes)


def test_what_was_made_is_in_the_library_beside_its_siblings_with_its_receipt(garden: Garden, tiny_model: Path) -> None:
    source = garden.library.describe(tiny_model)

    receipt = garden.workshop.quantize(source, "Q8_0").result(60)

    (entry,) = garden.library.entries()
    assert Path(receipt.path) == garden.settings.models_dir / "Tiny-Chat" / "Tiny-Chat-Q8_0.gguf"
    assert (entry.ref.path, entry.origin, entry.lineage) == (receipt.path, "made_here", ("Tiny-Chat F16",))
    assert garden.workshop.receipts() == (receipt,)
    assert garden.library.verify(entry).result(20) is True


def test_what_is_not_kept_leaves_no_trace_in_library_and_receipts(
    garden: Garden, tiny_model: Path, tmp_path: Path
) -> None:
    source = garden.library.describe(tiny_model)

    receipt = garden.workshop.quantize(source, "Q8_0", destination=tmp_path / "out.gguf", keep=False).result(60)

    assert Path(receipt.path) == tmp_path / "out.gguf"
    assert garden.workshop.receipts() == ()
    assert garden.library.scan().result(20) == ()


def test_a_quantized_source_is_refused_until_the_user_consents(garden: Garden, tiny_model: Path) -> None:
    source = garden.library.describe(tiny_model)
    made = garden.workshop.quantize(source, "Q8_0").result(60)
    again = garden.library.describe(Path(made.path))

    with pytest.raises(RefusedError) as caught:
        garden.workshop.quantize(again, "Q4_0")
    receipt = garden.workshop.quantize(again, "Q4_0", allow_requantize=True).result(60)

    assert "already quantized (Q8_0)" in caught.value.sentence
    assert receipt.requantized
    assert receipt.source_quant_type == "Q8_0"


def test_an_unknown_type_is_refused_before_anything_starts(garden: Garden, tiny_model: Path) -> None:
    with pytest.raises(RefusedError):
        garden.workshop.quantize(garden.library.describe(tiny_model), "Q9_X")

    assert garden.activity.jobs() == ()


def test_a_source_is_never_overwritten(garden: Garden, tiny_model: Path) -> None:
    before = tiny_model.read_bytes()

    with pytest.raises(GardenError):
        garden.workshop.quantize(garden.library.describe(tiny_model), "Q8_0", destination=tiny_model).result(60)

    assert tiny_model.read_bytes() == before


def test_a_cancelled_quantization_leaves_nothing(garden: Garden, tiny_model: Path, tmp_path: Path) -> None:
    handle = garden.workshop.quantize(
        garden.library.describe(tiny_model), "Q8_0", destination=tmp_path / "out" / "out.gguf"
    )
    handle.cancel()

    with pytest.raises(CancelledByUser):
        handle.result(20)

    assert [path for path in (tmp_path / "out").glob("*") if path.is_file()] == []
    assert [job.state for job in garden.activity.jobs()] == [JobState.CANCELLED]


def test_a_loss_is_measured_and_kept(garden: Garden, tiny_model: Path) -> None:
    source = garden.library.describe(tiny_model)
    quants = [
        garden.library.describe(Path(garden.workshop.quantize(source, name).result(60).path))
        for name in ("Q8_0", "Q2_K")
    ]

    reports = garden.workshop.quality(source, quants, windows=2).result(100)

    assert reports[0].kld_mean < reports[1].kld_mean
    assert reports[0].tokens_scored > 0
    assert set(garden.workshop.reports()) == set(reports)


def test_a_text_that_is_none_is_one_sentence(garden: Garden, tiny_model: Path, tmp_path: Path) -> None:
    source = garden.library.describe(tiny_model)
    (tmp_path / "text.bin").write_bytes(b"\xff\xfe\x00\x01" * 100)

    with pytest.raises(GardenError):
        garden.workshop.quality(source, [source], text=tmp_path / "text.bin").result(60)


def test_work_says_which_models_it_reads(garden: Garden, tiny_model: Path) -> None:
    source = garden.library.describe(tiny_model)

    made = garden.library.describe(Path(garden.workshop.quantize(source, "Q8_0").result(60).path))
    garden.workshop.quality(source, [made], windows=1).result(60)

    measured, quantized = garden.activity.jobs()
    assert quantized.reads == (str(tiny_model),)
    assert measured.reads == (str(tiny_model), made.ref.path)


_KILLED = """
import os, signal, sys, time
from pathlib import Path
import psutil
from garden.services.garden import Garden
from tests.tiny_models import write_tiny_model
with Garden.open() as garden:
    source = garden.library.describe(Path(sys.argv[1]))
    garden.workshop.quantize(source, "Q4_K_M")
    while not (garden.activity.jobs() and garden.activity.jobs()[0].state == "running"):
        time.sleep(0.01)
    for child in psutil.Process().children(recursive=True):
        child.kill()
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
"""


def test_a_quantization_that_was_killed_is_begun_again_from_its_record(data_dirs: Path, tiny_model: Path) -> None:
    subprocess.run([sys.executable, "-c", _KILLED, str(tiny_model)], check=False)
    with Garden.open() as between:
        # Any command of Garden's takes over what was left; a later window still knows what it was.
        assert between.activity.jobs()[0].error == "Garden ended while this was under way."

    with Garden.open() as garden:
        garden.tend()
        (job,) = garden.activity.jobs()
        assert (job.state, job.action) == (JobState.FAILED, "Start it again.")
        assert garden.activity.can_retry(job)
        receipt = garden.activity.retry(job.id).result(60)

        assert receipt.quant_type == "Q4_K_M"
        assert garden.library.resolve(receipt.path).ref.path == receipt.path
        (job,) = garden.activity.jobs()
        assert (job.state, job.result_bytes) == (JobState.SUCCEEDED, Path(receipt.path).stat().st_size)
    assert list(Path(receipt.path).parent.iterdir()) == [Path(receipt.path)]


def test_a_file_of_that_name_is_replaced_only_with_consent(garden: Garden, tiny_model: Path, tmp_path: Path) -> None:
    source = garden.library.describe(tiny_model)
    destination = tmp_path / "other.gguf"
    garden.workshop.quantize(source, "Q8_0", destination=destination).result(60)
    before = destination.stat().st_ino

    with pytest.raises(AlreadyThereError) as caught:
        garden.workshop.quantize(source, "Q2_K", destination=destination)

    assert str(destination) in caught.value.sentence
    assert destination.stat().st_ino == before
    garden.workshop.quantize(source, "Q2_K", destination=destination, replace=True).result(60)
    assert destination.stat().st_ino != before


def test_a_file_that_appears_while_the_work_waits_is_kept(garden: Garden, tiny_model: Path, tmp_path: Path) -> None:
    source = garden.library.describe(tiny_model)
    destination = tmp_path / "other.gguf"

    first = garden.workshop.quantize(source, "Q8_0", destination=destination)
    second = garden.workshop.quantize(source, "Q2_K", destination=destination)

    made = first.result(60)
    with pytest.raises(AlreadyThereError):
        second.result(60)
    assert garden.library.describe(destination).ref.quant_type == made.quant_type


def test_a_path_with_a_step_up_is_the_file_it_means(garden: Garden, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    source = garden.library.describe(tiny_model)

    receipt = garden.workshop.quantize(source, "Q8_0", destination=tmp_path / "w" / ".." / "m" / "x.gguf").result(60)
    (entry,) = garden.library.add_folder(tmp_path / "w" / ".." / "m").result(60)

    assert receipt.path == entry.ref.path == str(tmp_path / "m" / "x.gguf")
    assert (entry.origin, entry.verified) == ("made_here", True)


def test_a_loss_says_of_which_bytes_it_is_whatever_the_files_are_called(
    garden: Garden, tiny_model: Path, tmp_path: Path
) -> None:
    source = garden.library.describe(tiny_model)
    made = garden.workshop.quantize(source, "Q8_0", destination=tmp_path / "other.gguf").result(60)
    theirs = tmp_path / "Theirs-Q8_0.gguf"
    write_tiny_model(theirs)

    garden.workshop.quality(source, [garden.library.describe(Path(made.path))], windows=1).result(60)
    garden.workshop.quality(source, [garden.library.describe(theirs)], windows=1).result(60)

    foreign, own = garden.workshop.reports()
    assert (own.made_type, own.base_sha256) == ("Q8_0", made.source_sha256)
    assert foreign.made_type is None


def test_a_model_is_not_measured_against_itself(garden: Garden, tiny_model: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.gguf"
    link.symlink_to(tiny_model)

    with pytest.raises(RefusedError) as caught:
        garden.workshop.quality(garden.library.describe(tiny_model), [garden.library.describe(link)])

    assert caught.value.sentence == "“link.gguf” is the same file as the base: it lost nothing."
