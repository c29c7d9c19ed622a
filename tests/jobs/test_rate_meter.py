from __future__ import annotations

from garden.jobs.rate_meter import RateMeter


def meter(*samples: tuple[float, int]) -> RateMeter:
    meter = RateMeter()
    for now, done in samples:
        meter.observe(now, done)
    return meter


def test_nothing_is_known_at_first() -> None:
    assert RateMeter().rate(0.0) is None
    assert meter((0.0, 0)).rate(0.1) is None


def test_steady_work_has_its_rate() -> None:
    assert meter(*((float(t), 100 * t) for t in range(20))).rate(19.0) == 100.0


def test_only_the_last_five_seconds_count() -> None:
    slow_then_fast = [(float(t), t) for t in range(10)] + [(10.0 + t, 10 + 1000 * t) for t in range(6)]

    assert meter(*slow_then_fast).rate(15.0) == 1000.0


def test_a_stall_sinks_to_zero_without_a_further_observation() -> None:
    stalled = meter((0.0, 0), (1.0, 500), (2.0, 1000))

    assert stalled.rate(2.0) == 500.0
    assert stalled.rate(6.0) == 100.0
    assert stalled.rate(7.0) == 0.0
    assert stalled.rate(60.0) == 0.0


def test_a_resumed_download_does_not_count_what_was_there() -> None:
    assert meter((0.0, 3_000_000_000), (1.0, 3_000_000_100)).rate(1.0) == 100.0


def test_starting_over_starts_the_measure_over() -> None:
    assert meter((0.0, 900), (1.0, 1000), (2.0, 0), (3.0, 50)).rate(3.0) == 50.0
