from __future__ import annotations

import math

import numpy as np
import pytest

from garden.quantization.loss import LossSum, base_rows, log_softmax, perplexity

RANDOM = np.random.default_rng(7)
LOGITS = (RANDOM.standard_normal((70, 1000)) * 3).astype(np.float32)
TARGETS = RANDOM.integers(0, 1000, 70)


def reference_divergence(base: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The textbook formula in double precision, nothing rounded."""
    log_p = base.astype(np.float64) - np.log(np.exp(base.astype(np.float64)).sum(axis=1, keepdims=True))
    log_q = other.astype(np.float64) - np.log(np.exp(other.astype(np.float64)).sum(axis=1, keepdims=True))
    divergence: np.ndarray = (np.exp(log_p) * (log_p - log_q)).sum(axis=1)
    return divergence


def report_of(base: np.ndarray, other: np.ndarray) -> LossSum:
    losses = LossSum()
    losses.add(base_rows(base, TARGETS[: len(base)]), other, TARGETS[: len(base)])
    return losses


def test_log_softmax_survives_large_logits() -> None:
    rows = log_softmax(np.array([[10_000.0, 9_999.0]], dtype=np.float32))

    assert np.exp(rows).sum() == pytest.approx(1.0)


def test_a_model_has_no_loss_against_itself() -> None:
    report = report_of(LOGITS, LOGITS).report(model="same", base="base", text="t")

    assert abs(report.kld_mean) < 2e-6
    assert report.same_top == 1.0
    assert report.perplexity_ratio_log == 0.0
    assert report.tokens_scored == 70


def test_divergence_matches_the_textbook_within_a_thousandth() -> None:
    other = LOGITS + RANDOM.standard_normal(LOGITS.shape).astype(np.float32) * 0.3
    expected = reference_divergence(LOGITS, other)

    report = report_of(LOGITS, other).report(model="q", base="base", text="t")

    assert report.kld_mean == pytest.approx(expected.mean(), rel=1e-3)
    assert report.kld_standard_error == pytest.approx(expected.std(ddof=1) / math.sqrt(70), rel=1e-2)
    assert report.kld_p99 == pytest.approx(np.quantile(expected, 0.99), rel=1e-2)


def test_perplexity_of_uniform_predictions_is_the_vocabulary_size() -> None:
    flat = np.zeros((4, 1000), dtype=np.float32)

    assert perplexity([base_rows(flat, TARGETS[:4]).surprise]) == pytest.approx(1000)


def test_same_top_counts_positions_whose_best_token_agrees() -> None:
    base = np.eye(4, dtype=np.float32) * 9
    other = base.copy()
    other[0, 1] = 20
    losses = LossSum()

    losses.add(base_rows(base, np.arange(4)), other, np.arange(4))

    assert losses.report(model="q", base="b", text="t").same_top == 0.75


def test_perplexity_ratio_is_the_difference_of_the_mean_surprises() -> None:
    report = report_of(LOGITS, LOGITS * np.float32(0.5)).report(model="q", base="b", text="t")
    base = perplexity([base_rows(LOGITS, TARGETS).surprise])

    assert report.perplexity_ratio_log == pytest.approx(math.log(report.perplexity / base))
