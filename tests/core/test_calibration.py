"""What a calibration says of itself."""

from __future__ import annotations

import dataclasses

from tests.fit.speeds import calibration, device


def test_a_calm_calibration_has_nothing_to_say() -> None:
    assert calibration(device(decode_error=0.1, prefill_error=0.1, unrest=0.05), busy_share=0.1).disturbance == ""
    assert calibration(busy_share=None).disturbance == ""


def test_each_disturbance_is_told_with_what_helps() -> None:
    busy = calibration(busy_share=0.4).disturbance
    unsteady = calibration(device(unrest=0.18)).disturbance
    wrong = calibration(device(prefill_error=0.31)).disturbance

    assert busy.startswith("Other programs took 40")
    assert "18" in unsteady and "slower" in unsteady
    assert "31" in wrong and "checks" in wrong
    assert all("measure again" in text for text in (busy, unsteady, wrong))


def test_the_slowest_device_counts() -> None:
    speeds = device(), dataclasses.replace(device(unrest=0.2), device="gpu")

    assert "slower" in calibration(*speeds).disturbance
