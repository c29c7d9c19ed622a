"""How far one model's next-token distributions are from another's: the arithmetic, on blocks of logits.

As llama.cpp's perplexity tool does it: the second half of each window is scored, the divergence is
``KL(base ‖ quant) = Σ p · (ln p − ln q)`` in nats per position, its standard error takes positions as independent.
Checked against that tool on SmolLM2-135M: perplexity equal in 7 digits, divergence within 0.4 % (it stores the base
in 16 bits of another form).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from garden.core.receipt import QualityReport

#: Rows worked on at once, so that the temporaries of a large vocabulary stay small.
BLOCK_ROWS = 32

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class BaseRows:
    """What a comparison needs of the base at some positions.

    Attributes:
        log_probabilities: (rows, vocabulary), float16. Rounding moves a divergence by less than 0.1 %.
        top: Most probable token of each row, from the unrounded values.
        surprise: −ln p of the token that really follows.
    """

    log_probabilities: NDArray[np.float16]
    top: NDArray[np.int64]
    surprise: NDArray[np.float64]


def log_softmax(logits: Floats) -> NDArray[np.float32]:
    """Natural logarithms of the probabilities of each row, as a new array."""
    shifted: NDArray[np.float32] = np.subtract(logits, logits.max(axis=1, keepdims=True), dtype=np.float32)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True, dtype=np.float64)).astype(np.float32)
    return shifted


def base_rows(logits: Floats, targets: NDArray[np.int64]) -> BaseRows:
    """Reduce the base's logits to what is kept of them.

    Args:
        logits: (rows, vocabulary), finite.
        targets: Token that really follows each row's position.
    """
    log_probabilities = np.empty(logits.shape, dtype=np.float16)
    surprise = np.empty(len(logits), dtype=np.float64)
    for start in range(0, len(logits), BLOCK_ROWS):
        rows = slice(start, min(start + BLOCK_ROWS, len(logits)))
        block = log_softmax(logits[rows])
        surprise[rows] = -block[np.arange(len(block)), targets[rows]]
        # The smallest float16 stands for every smaller probability: e^-65504 is nought anyway.
        log_probabilities[rows] = np.maximum(block, np.finfo(np.float16).min)
    return BaseRows(log_probabilities, logits.argmax(axis=1), surprise)


@dataclass(slots=True)
class LossSum:
    """Collects the positions of one model."""

    divergences: list[NDArray[np.float64]] = field(default_factory=list)
    surprises: list[NDArray[np.float64]] = field(default_factory=list)
    base_surprises: list[NDArray[np.float64]] = field(default_factory=list)
    same_top: int = 0

    def add(self, base: BaseRows, logits: Floats, targets: NDArray[np.int64]) -> None:
        """Compare some positions with the base.

        Args:
            base: The base at the same positions.
            logits: (rows, vocabulary) of the model compared, finite.
            targets: Token that really follows each row's position.
        """
        divergence = np.empty(len(logits), dtype=np.float64)
        surprise = np.empty(len(logits), dtype=np.float64)
        for start in range(0, len(logits), BLOCK_ROWS):
            rows = slice(start, min(start + BLOCK_ROWS, len(logits)))
            log_q = log_softmax(logits[rows])
            surprise[rows] = -log_q[np.arange(len(log_q)), targets[rows]]
            log_p = base.log_probabilities[rows].astype(np.float32)
            p = np.exp(log_p)
            # Rounding to 16 bits leaves the sum of p a little off 1; dividing by it takes the bias out.
            mass = p.sum(axis=1, dtype=np.float64)
            difference = np.einsum("ij,ij->i", p, log_p - log_q, dtype=np.float64)
            divergence[rows] = difference / mass - np.log(mass)
        self.divergences.append(divergence)
        self.surprises.append(surprise)
        self.base_surprises.append(base.surprise)
        self.same_top += int((logits.argmax(axis=1) == base.top).sum())

    def report(self, *, model: str, base: str, text: str) -> QualityReport:
        """The figures of everything added so far; at least two positions."""
        divergence = np.concatenate(self.divergences)
        surprise = float(np.concatenate(self.surprises).mean())
        base_surprise = float(np.concatenate(self.base_surprises).mean())
        return QualityReport(
            model=model,
            kld_mean=float(divergence.mean()),
            kld_standard_error=float(divergence.std(ddof=1) / math.sqrt(len(divergence))),
            kld_p99=float(np.quantile(divergence, 0.99)),
            same_top=self.same_top / len(divergence),
            perplexity=float(np.exp(surprise)),
            perplexity_ratio_log=surprise - base_surprise,
            tokens_scored=len(divergence),
            text=text,
            base=base,
        )


def perplexity(surprises: list[NDArray[np.float64]]) -> float:
    """Perplexity of a model from its −ln p: e to their mean."""
    return float(np.exp(np.concatenate(surprises).mean()))
