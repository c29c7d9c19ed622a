from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import Cli
from tests.quantization.odd_models import write_odd_model
from tests.tiny_models import write_tiny_model

pytestmark = pytest.mark.engine

RECEIPT_KEYS = {
    "quant_type", "path", "size_bytes", "bits_per_weight", "seconds", "peak_memory_bytes", "sha256", "source_sha256",
    "tensors", "fallbacks",
}  # fmt: skip
REPORT_KEYS = {
    "model", "kld_mean", "kld_standard_error", "kld_p99", "same_top", "perplexity", "perplexity_ratio_log",
}  # fmt: skip


def test_each_type_ends_with_its_receipt(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    ran = cli("quantize", str(tiny_model), "Q8_0", "q4_k_m", "-o", str(tmp_path / "out"), "--json")

    receipts = [event for event in ran.events if event["event"] == "succeeded"]
    assert [set(receipt) - {"event"} for receipt in receipts] == [RECEIPT_KEYS] * 2
    assert [receipt["quant_type"] for receipt in receipts] == ["Q8_0", "Q4_K_M"]
    for receipt in receipts:
        path = Path(receipt["path"])
        assert path.parent == tmp_path / "out"
        assert path.stat().st_size == receipt["size_bytes"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == receipt["sha256"]
        assert receipt["source_sha256"] == hashlib.sha256(tiny_model.read_bytes()).hexdigest()
    assert ran.code == 0


def test_one_type_may_go_into_a_file(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    ran = cli("quantize", str(tiny_model), "Q8_0", "-o", str(tmp_path / "small.gguf"))

    assert ran.code == 0
    assert (tmp_path / "small.gguf").is_file()
    assert cli("quantize", str(tiny_model), "Q8_0", "Q4_0", "-o", str(tmp_path / "x.gguf")).code == 2


@pytest.mark.parametrize("place", ["notes.txt", "notes.txt/below", "notes.txt/Small.gguf"])
def test_a_file_in_the_place_of_the_folder_is_refused(cli: Cli, tiny_model: Path, tmp_path: Path, place: str) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")

    ran = cli("quantize", str(tiny_model), "Q8_0", "-o", str(tmp_path / place))

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == f"“{notes}” is a file, not a folder. Name a folder, or a file that ends in .gguf.\n"
    assert notes.read_text() == "mine"


def test_what_is_made_outside_the_folders_is_listed_while_it_is_there(
    cli: Cli, tiny_model: Path, tmp_path: Path
) -> None:
    place = tmp_path / "elsewhere"
    cli("quantize", str(tiny_model), "Q8_0", "-o", str(place))

    (entry,) = cli("library", "--json").json

    assert Path(entry["path"]).parent == place
    assert entry["quant_type"] == "Q8_0"
    assert cli("fit", entry["name"], "--json").code == 0
    Path(entry["path"]).unlink()
    assert cli("library", "--json").json == []


def test_of_several_types_the_one_that_failed_is_named(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    in_the_way = tmp_path / "Tiny-Chat-Q4_0.gguf"
    in_the_way.write_text("mine")

    ran = cli("quantize", str(tiny_model), "Q8_0", "Q4_0", "-o", str(tmp_path), "--json")

    assert ran.code == 1
    assert "Q4_0" in ran.events[-1]["error"]
    assert "Q4_0" in ran.err
    assert in_the_way.read_text() == "mine"


def test_of_several_files_the_one_at_fault_is_named(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "Broken.gguf"
    broken.write_text("This is a note, not a model, whatever it is called.")

    ran = cli("quality", str(tiny_model), str(broken))

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("Broken.gguf: ")


def test_without_a_place_it_goes_into_the_library(cli: Cli, tiny_model: Path) -> None:
    cli("quantize", str(tiny_model), "Q8_0")

    assert [entry["name"] for entry in cli("library", "--json").json] == ["Tiny-Chat:Q8_0"]
    assert cli("fit", "tiny-chat:q8_0").code == 0


def test_a_dry_run_writes_nothing_and_tells_the_very_size(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    forecasts = cli("quantize", str(tiny_model), "Q8_0", "Q2_K", "--dry-run", "--json").json
    assert cli("library", "--json").json == []

    cli("quantize", str(tiny_model), "Q8_0", "Q2_K", "-o", str(tmp_path))

    sizes = {path.name: path.stat().st_size for path in tmp_path.glob("*.gguf")}
    assert [set(forecast) for forecast in forecasts] == [RECEIPT_KEYS] * 2
    assert [forecast["size_bytes"] for forecast in forecasts] == [
        sizes["Tiny-Chat-Q8_0.gguf"], sizes["Tiny-Chat-Q2_K.gguf"]
    ]  # fmt: skip
    assert all(forecast["sha256"] is None for forecast in forecasts)


def test_tensors_that_take_another_type_are_told_before_and_after(cli: Cli, tmp_path: Path) -> None:
    odd = write_odd_model(tmp_path / "Odd-F16.gguf", width=96)
    told = "take a larger type, because the type's blocks do not divide their rows."

    before = cli("quantize", str(odd), "Q4_K_M", "--dry-run")
    made = cli("quantize", str(odd), "Q4_K_M", "-o", str(tmp_path / "out"))
    (forecast,) = cli("quantize", str(odd), "Q4_K_M", "--dry-run", "--json").json
    (receipt,) = [
        event
        for event in cli("quantize", str(odd), "Q4_K_M", "-o", str(tmp_path / "out"), "--force", "--json").events
        if event["event"] == "succeeded"
    ]

    assert forecast["fallbacks"] == receipt["fallbacks"] > 0
    assert f"{receipt['fallbacks']} tensors {told}" in before.out
    assert f"{receipt['fallbacks']} tensors {told}" in made.out
    assert "larger type" not in cli("quantize", str(odd), "Q8_0", "-o", str(tmp_path / "out")).out


def test_a_time_is_told_only_once_this_source_was_quantized_here(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    before = cli("quantize", str(tiny_model), "Q8_0", "--dry-run").out
    cli("quantize", str(tiny_model), "Q8_0", "-o", str(tmp_path))
    after = cli("quantize", str(tiny_model), "Q8_0", "--dry-run").out

    assert "not measured yet" in before
    assert "not measured yet" not in after
    assert "about " in after


def test_a_loss_says_what_it_is_measured_against(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    cli("quantize", str(tiny_model), "Q8_0", "-o", str(tmp_path))
    made = tmp_path / "Tiny-Chat-Q8_0.gguf"

    from_full = cli("quality", str(tiny_model), str(made), "--windows", "1").out
    from_made = cli("quality", str(made), str(tiny_model), "--windows", "1").out

    assert "Measured here against Tiny-Chat F16, " in from_full
    assert "loss of its own" not in from_full
    assert "Q8_0 has a loss of its own, which comes on top." in from_made


def test_a_quantized_source_needs_consent(cli: Cli, tiny_model: Path) -> None:
    cli("quantize", str(tiny_model), "Q8_0")

    refused = cli("quantize", "Tiny-Chat:Q8_0", "Q4_0", "--json")
    allowed = cli("quantize", "Tiny-Chat:Q8_0", "Q4_0", "--allow-requantize")

    assert refused.code == 1
    assert refused.events[-1]["event"] == "failed"
    assert "--allow-requantize" in refused.err
    assert allowed.code == 0


@pytest.mark.parametrize(
    ("types", "said"), [(["Q9"], "Choose one of BF16"), (["IQ1_S"], "importance matrix"), (["Q8_K"], "Choose one of")]
)
def test_types_that_cannot_be_made_are_refused_before_anything_is_written(
    cli: Cli, tiny_model: Path, tmp_path: Path, types: list[str], said: str
) -> None:
    ran = cli("quantize", str(tiny_model), *types, "-o", str(tmp_path / "out"))

    assert ran.code == 1
    assert said in ran.err
    assert not (tmp_path / "out").exists()


def test_what_is_no_model_is_one_sentence(cli: Cli, tmp_path: Path) -> None:
    note = tmp_path / "note.gguf"
    note.write_text("This is a note.")

    for arguments in (("quantize", str(note), "Q4_0"), ("quality", str(note), str(note))):
        ran = cli(*arguments)
        assert ran.code == 1
        assert ran.err.startswith("note.gguf: This is not a GGUF file.")


def test_a_loss_as_json_has_exactly_the_keys_of_the_contract(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    cli("quantize", str(tiny_model), "Q8_0", "Q2_K", "-o", str(tmp_path))
    quants = [str(tmp_path / f"Tiny-Chat-{name}.gguf") for name in ("Q8_0", "Q2_K")]

    reports = cli("quality", str(tiny_model), *quants, "--windows", "2", "--json").json

    assert [set(report) for report in reports] == [REPORT_KEYS] * 2
    assert reports[0]["kld_mean"] < reports[1]["kld_mean"]
    assert 0 <= reports[1]["same_top"] <= 1


def test_a_loss_is_measured_on_the_text_that_is_given(
    cli: Cli, tiny_model: Path, other_tiny_model: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("The garden is green. " * 400)
    short = tmp_path / "short.txt"
    short.write_text("Too short.")

    assert cli("quality", str(tiny_model), str(other_tiny_model), "--text", str(text), "--windows", "1").code == 0
    refused = cli("quality", str(tiny_model), str(other_tiny_model), "--text", str(short))
    assert refused.code == 1
    assert len(refused.err.strip().splitlines()[-1:]) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_leaves_neither_a_child_nor_half_a_file(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    large = write_tiny_model(tmp_path / "Large-F16.gguf", blocks=60)
    process = start("quantize", str(large), "Q3_K_M", "-o", str(tmp_path / "out"), "--json")
    assert process.stdout is not None
    for line in process.stdout:
        if '"done": 0' not in line:
            break
    children = psutil.Process(process.pid).children(recursive=True)

    os.killpg(process.pid, signal.SIGINT)
    _out, err = process.communicate(timeout=20)

    assert '"progress"' in line
    assert process.returncode == 130
    assert err.strip() == "Cancelled."
    assert psutil.wait_procs(children, timeout=1)[1] == []
    assert [path.name for path in (tmp_path / "out").iterdir() if path.suffix in (".gguf", ".part")] == []


def test_a_file_that_is_there_is_replaced_only_by_force(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert cli("quantize", str(tiny_model), "Q8_0", "-o", str(folder)).code == 0
    there = folder / "Tiny-Chat-Q8_0.gguf"
    before = there.stat().st_ino

    for output in (folder, there):
        ran = cli("quantize", str(tiny_model), "Q8_0", "-o", str(output))
        assert (ran.code, ran.out) == (1, "")
        assert ran.err == f"There is a file {there} already. Choose another name, or --force to replace it.\n"
    # Nothing is begun when one of several cannot be made.
    assert cli("quantize", str(tiny_model), "Q4_0", "Q8_0", "-o", str(folder)).code == 1
    assert [path.name for path in folder.iterdir()] == [there.name]
    assert there.stat().st_ino == before

    assert cli("quantize", str(tiny_model), "Q8_0", "-o", str(folder), "--force").code == 0
    assert there.stat().st_ino != before


def test_a_step_up_in_a_path_keeps_the_file_verified(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    folder = tmp_path / "w" / ".." / "m"

    assert cli("quantize", str(tiny_model), "Q8_0", "-o", str(folder / "other.gguf")).code == 0
    (entry,) = cli("library", "scan", str(folder), "--json").json

    assert (entry["path"], entry["verified"]) == (str(tmp_path / "m" / "other.gguf"), True)


def test_a_model_is_not_measured_against_itself(cli: Cli, tiny_model: Path) -> None:
    ran = cli("quality", str(tiny_model), str(tiny_model))

    assert (ran.code, ran.out) == (1, "")
    assert "is the same file as the base" in ran.err
