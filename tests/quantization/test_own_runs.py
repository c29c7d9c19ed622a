from __future__ import annotations

from garden.core.receipt import QuantizationReceipt
from garden.quantization.own_runs import ExpectedRun, expected_run


def receipt(quant_type: str, seconds: float, peak: int = 10, source: str = "/m/a.gguf") -> QuantizationReceipt:
    return QuantizationReceipt(
        quant_type=quant_type,
        path=f"/m/{quant_type}.gguf",
        size_bytes=1,
        bits_per_weight=4.5,
        seconds=seconds,
        peak_memory_bytes=peak,
        sha256="",
        source_path=source,
        source_sha256="",
        tensors={},
    )


def test_without_a_run_of_this_source_nothing_is_expected() -> None:
    assert expected_run([], "/m/a.gguf", "Q8_0") is None
    assert expected_run([receipt("Q8_0", 9.0, source="/m/other.gguf")], "/m/a.gguf", "Q8_0") is None


def test_the_same_type_stands_before_others() -> None:
    runs = [receipt("Q2_K", 8.0, peak=30), receipt("Q8_0", 1.0), receipt("Q8_0", 5.0)]

    assert expected_run(runs, "/m/a.gguf", "Q8_0") == ExpectedRun(1.0, 10)
    assert expected_run(runs[:2], "/m/a.gguf", "Q4_0") == ExpectedRun(4.5, 30)
