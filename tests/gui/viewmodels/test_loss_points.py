from __future__ import annotations

from garden.core.receipt import QuantizationForecast
from garden.gui.viewmodels.loss_points import LossPoint, best_at_size, loss_points, no_points_reason, size_bands
from garden.gui.viewmodels.quant_table import QuantRow
from garden.quantization.published import published_loss
from tests.gui.viewmodels.losses import measured_loss


def point(label: str, size_bytes: int, loss: float, *, measured: bool = False) -> LossPoint:
    return LossPoint(label, size_bytes, loss, measured)


def test_only_types_of_known_size_and_loss_are_points() -> None:
    sized = QuantizationForecast(quant_type="Q4_K_M", size_bytes=10, bits_per_weight=4.9, tensors={})
    rows = [
        QuantRow(quant_type="Q4_K_M", forecast=sized, published=published_loss("Q4_K_M"), chosen=True),
        QuantRow(quant_type="Q6_K", published=published_loss("Q6_K")),
        QuantRow(quant_type="Q5_0", forecast=sized),
    ]

    assert loss_points(rows) == (LossPoint("Q4_K_M", 10, 0.031, measured=False, marked=True),)


def test_a_type_has_a_point_in_each_series_and_one_ring() -> None:
    sized = QuantizationForecast(quant_type="Q4_K_M", size_bytes=10, bits_per_weight=4.9, tensors={})
    loss = measured_loss(0.2)
    row = QuantRow(quant_type="Q4_K_M", forecast=sized, published=published_loss("Q4_K_M"), loss=loss, recommended=True)

    assert loss_points([row]) == (
        LossPoint("Q4_K_M", 10, 0.2, measured=True, marked=True),
        LossPoint("Q4_K_M", 10, 0.031, measured=False),
    )


def test_without_points_it_is_said_why() -> None:
    sized = QuantizationForecast(quant_type="Q4_K_M", size_bytes=10, bits_per_weight=4.9, tensors={})

    assert "dry run" in no_points_reason([QuantRow(quant_type="Q4_K_M")])
    assert "measure" in no_points_reason([QuantRow(quant_type="Q4_K_M", forecast=sized, requantized=True)])


def test_the_line_leaves_out_what_is_larger_and_no_better() -> None:
    points = [point("Q8_0", 80, 0.001), point("Q4_0", 45, 0.07), point("IQ4_XS", 40, 0.03), point("Q2_K", 20, 0.4)]

    assert [each.label for each in best_at_size(points, measured=False)] == ["Q2_K", "IQ4_XS", "Q8_0"]


def test_measured_and_published_losses_are_never_joined() -> None:
    points = [
        point("Q8_0", 80, 0.001),
        point("Q2_K", 20, 0.4),
        point("Q4_0", 45, 0.3, measured=True),
        point("Q3_K_M", 46, 0.1, measured=True),
    ]

    assert [each.label for each in best_at_size(points, measured=True)] == ["Q4_0", "Q3_K_M"]
    assert [each.label for each in best_at_size(points, measured=False)] == ["Q2_K", "Q8_0"]


def test_bands_change_where_the_verdict_does() -> None:
    def classify(size_bytes: int) -> tuple[str, str]:
        return ("gpu", "Runs on GPU") if size_bytes < 500 else ("split", "Split")

    first, second = size_bands(0, 1_000, classify)

    assert (first.token, second.token) == ("gpu", "split")
    assert abs(first.high_bytes - 500) < 1
    assert (first.low_bytes, second.low_bytes, second.high_bytes) == (0, first.high_bytes, 1_000)


def test_one_verdict_for_all_sizes_is_one_band() -> None:
    assert len(size_bands(10, 20, lambda _size: ("cpu", "Runs on CPU"))) == 1
    assert size_bands(20, 20, lambda _size: ("cpu", "Runs on CPU")) == ()
