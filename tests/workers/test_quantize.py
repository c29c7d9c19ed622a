"""The quantize worker as a child, and the calls that drive it."""

from __future__ import annotations

import hashlib
import os
import resource
import select
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from garden.core.errors import (
    CancelledByUser,
    DiskFullError,
    GardenError,
    InvalidFileError,
    NotFoundError,
    RefusedError,
    WorkerDiedError,
)
from garden.core.messages import Message, Progress, Quantize, Quantized, QuantizeOutput
from garden.core.model_ref import ModelRef
from garden.core.receipt import QuantizationReceipt
from garden.gguf.byte_source import FileSource
from garden.gguf.header import GgufHeader, read_header
from garden.process.child import Child, worker_environment
from garden.process.task import run_task
from garden.quantization.child_task import forecast_quantizations, run_quantization
from garden.quantization.claim import PART_SUFFIX
from garden.quantization.lineage import LINEAGE_KEY
from garden.quantization.offered_types import IMATRIX_TYPES
from garden.quantization.plan import QuantizationRequest
from tests.quantization.odd_models import write_odd_model

pytestmark = pytest.mark.engine

#: Takes some 15 times as long as the others.
SLOW_TYPE = "IQ4_XS"


@pytest.fixture(scope="session")
def large_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Several seconds of work in SLOW_TYPE on one thread."""
    return write_odd_model(tmp_path_factory.mktemp("large") / "Large-F16.gguf", width=512, blocks=8)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder for results."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def ref(path: Path, quant_type: str | None = "F16") -> ModelRef:
    return ModelRef(name=path.stem, filenames=(path.name,), path=str(path), quant_type=quant_type)


def make(source: Path, quant_type: str, destination: Path, *, consent: bool = False) -> QuantizationReceipt:
    request = QuantizationRequest(
        source=ref(source), quant_type=quant_type, destination=destination, allow_requantize=consent
    )
    return run_quantization(request, threads=2)


def header_of(path: Path) -> GgufHeader:
    with FileSource(path) as source:
        return read_header(source)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- sizes and receipts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quant_type", ["Q8_0", "Q4_K_M", "Q3_K_M", "Q2_K", "IQ4_XS", "BF16"])
def test_the_forecast_equals_the_file_to_the_byte(tiny_model: Path, out: Path, quant_type: str) -> None:
    (forecast,) = forecast_quantizations(ref(tiny_model), [quant_type])

    receipt = make(tiny_model, quant_type, out / "made.gguf")

    assert (out / "made.gguf").stat().st_size == forecast.size_bytes == receipt.size_bytes
    assert (receipt.tensors, receipt.fallbacks) == (forecast.tensors, forecast.fallbacks)
    assert receipt.bits_per_weight == forecast.bits_per_weight


@pytest.mark.parametrize("alignment", [16, 32, 64, 4096])
def test_a_source_of_any_alignment_gives_a_readable_file_of_the_size_told(
    tmp_path: Path, out: Path, alignment: int
) -> None:
    source = write_odd_model(tmp_path / "odd.gguf", alignment=alignment)
    (forecast,) = forecast_quantizations(ref(source), ["Q4_0"])

    receipt = make(source, "Q4_0", out / "made.gguf")
    again = make(out / "made.gguf", "Q8_0", out / "again.gguf", consent=True)

    assert receipt.size_bytes == forecast.size_bytes
    # The engine itself reads its weights again.
    assert again.tensors["Q8_0"] == 8
    assert header_of(out / "made.gguf").alignment == 32


def test_a_set_of_shards_becomes_one_file_of_the_size_told(tmp_path: Path, out: Path) -> None:
    source = write_odd_model(tmp_path / "odd.gguf", blocks=2, tensors_per_shard=3)
    (forecast,) = forecast_quantizations(ref(source), ["Q4_K_M"])

    receipt = make(source, "Q4_K_M", out / "made.gguf")

    assert receipt.size_bytes == forecast.size_bytes
    assert len(header_of(out / "made.gguf").tensors) == sum(receipt.tensors.values()) == 20
    assert not receipt.requantized


def test_widths_that_do_not_divide_are_counted_as_fallbacks(tmp_path: Path, out: Path) -> None:
    # An odd number of rows, so that a tensor ends off the alignment and is padded.
    source = write_odd_model(tmp_path / "odd.gguf", width=288, vocab_size=321)

    (forecast,) = forecast_quantizations(ref(source), ["Q4_K_M"])

    assert forecast.fallbacks == 7
    assert "Q4_K" not in forecast.tensors
    assert make(source, "Q4_K_M", out / "made.gguf").size_bytes == forecast.size_bytes


def test_the_receipt_says_what_was_made_of_what(tiny_model: Path, out: Path) -> None:
    receipt = make(tiny_model, "q4_k_m", out / "made.gguf")

    assert receipt.quant_type == "Q4_K_M"
    assert receipt.sha256 == hashlib.sha256((out / "made.gguf").read_bytes()).hexdigest()
    assert receipt.source_sha256 == hashlib.sha256(tiny_model.read_bytes()).hexdigest()
    assert receipt.source_quant_type == "F16"
    assert not receipt.requantized
    assert receipt.engine_version == "0.3.36"
    assert 20e6 < receipt.peak_memory_bytes < 400e6
    assert 0 < receipt.seconds < 30
    assert names_in(out) == ["made.gguf"]


def test_the_lineage_travels_with_the_file_over_two_generations(tiny_model: Path, out: Path) -> None:
    make(tiny_model, "Q8_0", out / "first.gguf")
    make(out / "first.gguf", "Q4_0", out / "second.gguf", consent=True)

    assert header_of(out / "first.gguf").metadata[LINEAGE_KEY] == "Tiny-Chat-F16"
    assert header_of(out / "second.gguf").metadata[LINEAGE_KEY] == "Tiny-Chat-F16 > first F16"


def test_progress_counts_bytes_of_weights_and_names_tensors(tiny_model: Path, out: Path) -> None:
    seen: list[Progress] = []
    request = QuantizationRequest(source=ref(tiny_model), quant_type="Q8_0", destination=out / "made.gguf")

    run_quantization(request, threads=1, on_progress=seen.append)

    weights = sum(tensor.size_bytes for tensor in header_of(tiny_model).tensors)
    assert {progress.total for progress in seen} == {weights}
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    assert (seen[0].done, seen[-1].done) == (0, weights)
    assert "token_embd.weight" in {progress.note for progress in seen}


def test_forecasts_of_all_types_come_from_one_child(tiny_model: Path) -> None:
    forecasts = forecast_quantizations(ref(tiny_model), ["Q8_0", "Q4_0", *IMATRIX_TYPES])

    assert [forecast.quant_type for forecast in forecasts] == ["Q8_0", "Q4_0", *IMATRIX_TYPES]
    assert [forecast.needs_imatrix for forecast in forecasts] == [False, False, *([True] * len(IMATRIX_TYPES))]


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_a_quantized_source_is_refused_without_consent_and_made_with_it(tiny_model: Path, out: Path) -> None:
    make(tiny_model, "Q8_0", out / "q8.gguf")

    with pytest.raises(RefusedError, match=r"already quantized \(Q8_0\)"):
        make(out / "q8.gguf", "Q4_0", out / "q4.gguf")
    assert names_in(out) == ["q8.gguf"]
    assert make(out / "q8.gguf", "Q4_0", out / "q4.gguf", consent=True).requantized


def test_a_quantized_set_of_shards_is_refused_by_the_child(tmp_path: Path, out: Path) -> None:
    # The first shard alone says nothing: it holds a norm only.
    source = write_odd_model(tmp_path / "odd.gguf", tensors_per_shard=1)
    shards = sorted(tmp_path.glob("odd-*.gguf"))
    make(source, "Q8_0", out / "whole.gguf")
    message = Quantize(source=str(out / "whole.gguf"), destination=str(out / "x.gguf"), quant_type="Q4_0")

    with pytest.raises(RefusedError, match="already quantized"):
        run_task("quantize", message, QuantizeOutput, Quantized)
    assert len(shards) == 11


@pytest.mark.parametrize("quant_type", ["IQ2_XXS", "Q2_K_S", "Q8_K", "../../x", "F64"])
def test_a_type_that_cannot_be_made_is_refused(tiny_model: Path, out: Path, quant_type: str) -> None:
    with pytest.raises(RefusedError):
        make(tiny_model, quant_type, out / "made.gguf")

    assert names_in(out) == []


def test_the_child_itself_refuses_types_off_the_list(tiny_model: Path, out: Path) -> None:
    message = Quantize(source=str(tiny_model), destination=str(out / "x.gguf"), quant_type="NVFP4")

    with pytest.raises(RefusedError, match="does not make files of type"):
        run_task("quantize", message, QuantizeOutput, Quantized)


def test_the_source_survives_being_named_as_destination(tmp_path: Path) -> None:
    source = write_odd_model(tmp_path / "odd.gguf")
    before = source.read_bytes()
    link = tmp_path / "link.gguf"
    link.symlink_to(source)
    message = Quantize(source=str(source), destination=str(link), quant_type="Q4_0")

    for attempt in (
        lambda: make(source, "Q4_0", source),
        lambda: make(source, "Q4_0", link),
        lambda: run_task("quantize", message, QuantizeOutput, Quantized),
    ):
        with pytest.raises(RefusedError, match="same file"):
            attempt()
    assert source.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"", InvalidFileError), (b"not a model at all, just a text", InvalidFileError), (None, NotFoundError)],
)
def test_what_is_no_model_gives_one_sentence(
    tmp_path: Path, out: Path, content: bytes | None, error: type[GardenError]
) -> None:
    source = tmp_path / "broken.gguf"
    if content is not None:
        source.write_bytes(content)

    with pytest.raises(error):
        make(source, "Q4_0", out / "made.gguf")
    assert names_in(out) == []


def test_a_truncated_model_is_refused(tiny_model: Path, tmp_path: Path, out: Path) -> None:
    source = tmp_path / "short.gguf"
    source.write_bytes(tiny_model.read_bytes()[:-5_000])

    with pytest.raises(InvalidFileError, match="not a complete GGUF file"):
        make(source, "Q4_0", out / "made.gguf")


def test_a_vocabulary_without_weights_is_refused(tmp_path: Path, out: Path) -> None:
    import gguf

    source = tmp_path / "vocabulary.gguf"
    writer = gguf.GGUFWriter(str(source), "llama")
    writer.add_name("Vocabulary")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()

    with pytest.raises(RefusedError, match="vocabulary only"):
        make(source, "Q4_0", out / "made.gguf")
    with pytest.raises(RefusedError, match="vocabulary only"):
        forecast_quantizations(ref(source), ["Q4_0"])


def test_an_architecture_that_the_engine_does_not_know_is_told(tmp_path: Path, out: Path) -> None:
    source = write_odd_model(tmp_path / "odd.gguf")
    source.write_bytes(source.read_bytes().replace(b"llama", b"lhama"))

    with pytest.raises(GardenError, match="does not know the architecture"):
        make(source, "Q4_0", out / "made.gguf")
    assert names_in(out) == []


def test_weights_that_are_no_numbers_are_told_and_leave_nothing(tmp_path: Path, out: Path) -> None:
    source = write_odd_model(tmp_path / "odd.gguf", value=float("nan"))

    with pytest.raises(InvalidFileError):
        make(source, "Q4_K_M", out / "made.gguf")
    assert names_in(out) == []


# --- nothing half-written ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1_000, 100_000, 787_000])
def test_a_full_disk_leaves_nothing_and_keeps_the_old_file(tmp_path: Path, out: Path, limit: int) -> None:
    source = write_odd_model(tmp_path / "odd.gguf")
    old = make(source, "Q4_0", out / "made.gguf")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The child inherits the limit and meets the error that a full disk gives.
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(DiskFullError, match=r"“made\.gguf” could not be written"):
            make(source, "Q8_0", out / "made.gguf")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert names_in(out) == ["made.gguf"]
    assert hashlib.sha256((out / "made.gguf").read_bytes()).hexdigest() == old.sha256


class Interrupted:
    """Starts a long quantization and does something to it once it writes."""

    def __init__(self, source: Path, destination: Path) -> None:
        self.cancelled = threading.Event()
        self.request = QuantizationRequest(source=ref(source), quant_type=SLOW_TYPE, destination=destination)
        self.acted_at = 0.0

    def run(self, act: str) -> None:
        def on_progress(progress: Progress) -> None:
            if progress.done > 0 and not self.acted_at:
                self.acted_at = time.monotonic()
                (part,) = self.request.destination.parent.glob(f"*{PART_SUFFIX}")
                assert part.stat().st_size > 0
                if act == "cancel":
                    self.cancelled.set()
                else:
                    for child in psutil.Process().children():
                        child.kill()

        run_quantization(self.request, threads=1, on_progress=on_progress, cancelled=self.cancelled)


def test_a_cancel_ends_the_child_within_half_a_second_and_leaves_nothing(large_model: Path, out: Path) -> None:
    work = Interrupted(large_model, out / "made.gguf")

    with pytest.raises(CancelledByUser):
        work.run("cancel")

    assert time.monotonic() - work.acted_at < 3  # 0.04 s on a quiet machine
    assert names_in(out) == []
    assert psutil.Process().children() == []


def test_a_killed_child_leaves_nothing(large_model: Path, out: Path) -> None:
    work = Interrupted(large_model, out / "made.gguf")

    with pytest.raises(WorkerDiedError, match="signal 9"):
        work.run("kill")

    assert names_in(out) == []


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux 5.3")
def test_a_child_whose_parent_was_killed_ends_and_leaves_nothing(large_model: Path, out: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from garden.core.model_ref import ModelRef\n"
        "from garden.quantization.child_task import run_quantization\n"
        "from garden.quantization.plan import QuantizationRequest\n"
        "source = Path(sys.argv[1])\n"
        "model = ModelRef(name='x', filenames=(source.name,), path=str(source), sha256='0')\n"
        f"request = QuantizationRequest(source=model, quant_type='{SLOW_TYPE}', destination=Path(sys.argv[2]))\n"
        "run_quantization(request, threads=1, on_progress=lambda p: print(p.done, flush=True))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(large_model), str(out / "made.gguf")], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        (child,) = psutil.Process(parent.pid).children()
        watch = os.pidfd_open(child.pid)
        parent.kill()
        # Readable once it has ended, whether or not its new parent has noticed.
        ended, _, _ = select.select([watch], [], [], 1.0)
        os.close(watch)

    assert ended == [watch]
    assert names_in(out) == []


def test_two_at_once_never_write_the_same_file(large_model: Path, out: Path) -> None:
    work = Interrupted(large_model, out / "made.gguf")
    refusals: list[GardenError] = []

    def second(progress: Progress) -> None:
        if progress.done > 0 and not work.cancelled.is_set():
            try:
                make(large_model, "Q8_0", out / "made.gguf")
            except RefusedError as error:
                refusals.append(error)
            work.cancelled.set()

    with pytest.raises(CancelledByUser):
        run_quantization(work.request, threads=1, on_progress=second, cancelled=work.cancelled)

    assert [error.sentence for error in refusals] == ["“made.gguf” is being made by another process."]
    assert names_in(out) == []


# --- the child --------------------------------------------------------------------------------------------------------


def test_the_child_ends_by_itself_with_code_0(tiny_model: Path, out: Path) -> None:
    seen: list[Message] = []
    child: Child[Message] = Child("quantize", QuantizeOutput, on_message=seen.append)

    child.send(Quantize(source=str(tiny_model), destination=str(out / "m.gguf"), quant_type="Q8_0", lineage="Tiny"))
    exit_ = child.wait(30)

    assert exit_ is not None
    assert exit_.code == 0
    assert isinstance(seen[-1], Quantized)


def test_an_abort_of_the_engine_forks_no_debugger() -> None:
    assert worker_environment()["GGML_NO_BACKTRACE"] == "1"


# --- the starter ------------------------------------------------------------------------------------------------------


@pytest.mark.starter
@pytest.mark.parametrize(
    ("quant_type", "size_bytes"), [("Q4_0", 91_726_912), ("Q3_K_M", 93_510_208), ("Q2_K", 88_201_792)]
)
def test_the_starter_comes_out_as_measured(starter_path: Path, out: Path, quant_type: str, size_bytes: int) -> None:
    message = Quantize(
        source=str(starter_path),
        destination=str(out / "made.gguf"),
        quant_type=quant_type,
        threads=2,
        allow_requantize=True,
    )
    made = run_task("quantize", message, QuantizeOutput, Quantized)

    assert made.size_bytes == (out / "made.gguf").stat().st_size == size_bytes

    # A lineage takes its 45 bytes, rounded up to the alignment, and the forecast knows.
    (forecast,) = forecast_quantizations(ref(starter_path, "Q4_1"), [quant_type])
    receipt = make(starter_path, quant_type, out / "again.gguf", consent=True)
    assert receipt.size_bytes == forecast.size_bytes
    assert 0 < receipt.size_bytes - size_bytes <= 128
    assert receipt.requantized
