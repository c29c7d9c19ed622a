"""Losses as measuring one leaves them."""

from __future__ import annotations

from garden.core.receipt import QualityReport


def measured_loss(kld: float) -> QualityReport:
    """A report whose mean divergence is the one given, in nats per token."""
    return QualityReport(
        model="m",
        base="b",
        text="t",
        kld_mean=kld,
        kld_standard_error=0.001,
        kld_p99=1.0,
        same_top=0.9,
        perplexity=10.0,
        perplexity_ratio_log=0.1,
        tokens_scored=100,
    )
