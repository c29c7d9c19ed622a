"""Published losses of common types, to orient by until a loss was measured here.

From llama.cpp's own tables: bits per weight of Llama-3.1-8B, losses of Llama-3-8B without an importance matrix. Other
models lose other amounts, small ones far more, so whoever shows a figure shows ``REFERENCE_MODEL`` beside it. They are
losses from full precision: of a source that is quantized already they say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

#: What the figures were measured on.
REFERENCE_MODEL = "Llama-3-8B"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedLoss:
    """What one type costs on the reference model. Unknown figures are None.

    Attributes:
        quant_type: llama.cpp's name.
        bits_per_weight: Of the whole file.
        perplexity_increase: Perplexity minus that of F16.
        kld_mean: Mean Kullback–Leibler divergence from F16, nats per token.
        same_top: Share of positions with the same most probable token, 0..1.
        with_imatrix: Whether an importance matrix was used after all.
    """

    quant_type: str
    bits_per_weight: float | None
    perplexity_increase: float
    kld_mean: float
    same_top: float | None = None
    with_imatrix: bool = False


PUBLISHED_LOSSES: tuple[PublishedLoss, ...] = (
    PublishedLoss(quant_type="Q8_0", bits_per_weight=8.50, perplexity_increase=0.003, kld_mean=0.0014, same_top=0.977),
    PublishedLoss(quant_type="Q6_K", bits_per_weight=6.56, perplexity_increase=0.022, kld_mean=0.0055, same_top=0.960),
    PublishedLoss(quant_type="Q5_K_M", bits_per_weight=5.70, perplexity_increase=0.057, kld_mean=0.011),
    PublishedLoss(quant_type="Q4_K_M", bits_per_weight=4.89, perplexity_increase=0.175, kld_mean=0.031, same_top=0.919),
    PublishedLoss(
        quant_type="IQ4_XS", bits_per_weight=4.46, perplexity_increase=0.228, kld_mean=0.036, with_imatrix=True
    ),
    PublishedLoss(quant_type="Q4_0", bits_per_weight=None, perplexity_increase=0.469, kld_mean=0.072),
    PublishedLoss(quant_type="Q3_K_M", bits_per_weight=4.00, perplexity_increase=0.657, kld_mean=0.102),
    PublishedLoss(quant_type="Q2_K", bits_per_weight=3.16, perplexity_increase=3.52, kld_mean=0.445, same_top=0.711),
)


def published_loss(quant_type: str) -> PublishedLoss | None:
    """The published figures of a type, None when there are none."""
    return next((loss for loss in PUBLISHED_LOSSES if loss.quant_type == quant_type), None)
