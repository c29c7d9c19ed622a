"""What a quantization did, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizationReceipt:
    """Facts of one finished quantization. The names are part of the JSON contract.

    Attributes:
        quant_type: Type that was asked for.
        path: The file made.
        size_bytes: Its exact size.
        bits_per_weight: 8 · tensor bytes / parameters.
        seconds: Wall-clock time.
        peak_memory_bytes: Resident high-water mark of the child.
        sha256: Hash of the file made.
        source_path: The file it was made from.
        source_sha256: Hash of that file.
        source_quant_type: Its type.
        requantized: Whether the source was already quantized (losses are then relative to it).
        tensors: Number of tensors per GGML type in the result.
        fallbacks: Tensors that got another type than asked for, because their width does not divide.
        engine_version: Version of llama-cpp-python.
        forecast_size_bytes: What the dry run said before.
        forecast_bits_per_weight: The same.
        forecast_seconds: What earlier runs of the source on this machine let expect, None when there were none.
        forecast_peak_memory_bytes: The same.
        finished_at: Seconds since the epoch.
    """

    quant_type: str
    path: str
    size_bytes: int
    bits_per_weight: float
    seconds: float
    peak_memory_bytes: int
    sha256: str
    source_path: str
    source_sha256: str
    tensors: dict[str, int]
    source_quant_type: str | None = None
    requantized: bool = False
    fallbacks: int = 0
    engine_version: str = ""
    forecast_size_bytes: int | None = None
    forecast_bits_per_weight: float | None = None
    forecast_seconds: float | None = None
    forecast_peak_memory_bytes: int | None = None
    finished_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizationForecast:
    """What a quantization would make, from the engine's own dry run: nothing was written.

    Attributes:
        quant_type: The type.
        size_bytes: Exact size of the file it would write.
        bits_per_weight: 8 · tensor bytes / parameters.
        tensors: Number of tensors per GGML type.
        fallbacks: Tensors that fall back to another type.
        needs_imatrix: The engine refuses this type without an importance matrix.
    """

    quant_type: str
    size_bytes: int
    bits_per_weight: float
    tensors: dict[str, int]
    fallbacks: int = 0
    needs_imatrix: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """How far a quant's next-token distributions are from those of its base, on one text.

    Attributes:
        model: Name or path of the quant.
        kld_mean: Mean Kullback–Leibler divergence from the base, nats per token.
        kld_standard_error: Standard error of that mean.
        kld_p99: 99th percentile.
        same_top: Share of positions whose most probable token is the base's, 0..1.
        perplexity: Of the quant, on the scored tokens.
        perplexity_ratio_log: ln(perplexity / perplexity of the base).
        tokens_scored: Positions that were scored.
        text: Name of the text.
        base: Name or path of the base.
        base_sha256: Hash of the base's file, None in reports of earlier versions and where it could not be read.
        made_type: The type, where the quant was made here from this very base; None otherwise.
    """

    model: str
    kld_mean: float
    kld_standard_error: float
    kld_p99: float
    same_top: float
    perplexity: float
    perplexity_ratio_log: float
    tokens_scored: int
    text: str
    base: str
    base_sha256: str | None = None
    made_type: str | None = None
