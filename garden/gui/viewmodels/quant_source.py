"""Everything about one source that takes a moment: its header, what speaks against it, how each result would run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from garden.core.errors import RefusedError
from garden.core.fit_forecast import FitForecast, Verdict
from garden.core.library_entry import LibraryEntry
from garden.core.quantity import format_bytes, format_parameters, format_tokens
from garden.fit.sketch import sibling_header
from garden.gui.viewmodels.loss_points import SizeBand, size_bands
from garden.gui.viewmodels.wording import verdict_word
from garden.quantization.plan import is_quantized

if TYPE_CHECKING:
    from garden.core.receipt import QuantizationForecast
    from garden.core.run_configuration import LoadParameters
    from garden.gguf.header import GgufHeader
    from garden.services.garden import Garden

#: Types that nothing was lost in.
FULL_PRECISION = frozenset({"F32", "F16", "BF16"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """What is known of a source.

    Attributes:
        entry: The source.
        header: Its header.
        load: How results would be loaded here.
        refusal: Why it needs consent, or cannot be a source at all; None when nothing speaks against it.
        quantized: Whether it is quantized already: consent helps.
        refused: Why even consent does not help, None when it does.
    """

    entry: LibraryEntry
    header: GgufHeader
    load: LoadParameters
    refusal: RefusedError | None
    quantized: bool
    refused: RefusedError | None

    @property
    def base_type(self) -> str:
        """Type of the source, for titles."""
        return self.entry.ref.quant_type or self.header.file_type or "source"

    @property
    def context(self) -> str:
        """Context of the forecasts, ``16k``."""
        return format_tokens(self.load.context_length)

    def command(self, quant_types: Sequence[str]) -> str:
        """How these types are made of it on the command line."""
        consent = ["--allow-requantize"] if self.quantized else []
        return shlex.join(["garden", "quantize", self.entry.ref.path or self.entry.ref.name, *quant_types, *consent])

    @property
    def line(self) -> str:
        """Size, parameters, tensors, tied embeddings, hash."""
        header = self.header
        parts = [format_bytes(self.entry.ref.size_bytes or header.data_bytes)]
        if header.parameters:
            parts.append(format_parameters(header.parameters))
        parts.append(f"{len(header.tensors):,} tensors")
        if not any(tensor.name == "output.weight" for tensor in header.tensors):
            parts.append("tied embeddings")
        if self.entry.ref.sha256:
            parts.append(self.entry.ref.sha256[:7])
        return " · ".join(parts)

    def made(self, quant_type: str, entries: Sequence[LibraryEntry]) -> LibraryEntry | None:
        """What was made of it as a type, of these; None when nothing was."""
        ref = self.entry.ref
        return next(
            (
                entry
                for entry in entries
                if entry.ref.name == ref.name and entry.ref.quant_type == quant_type and entry.ref.path != ref.path
            ),
            None,
        )


def distance_from_original(entry: LibraryEntry) -> int:
    """0 for full precision, 1 for what came quantized, 2 for what was made here."""
    if (entry.ref.quant_type or "").upper() in FULL_PRECISION:
        return 0
    return 2 if entry.origin == "made_here" else 1


def read_source(garden: Garden, entry: LibraryEntry) -> SourceFacts:
    """Read a source's header and ask what speaks against it; blocks for the disk.

    Raises:
        GardenError: The file is gone or damaged.
    """
    header = garden.fit.header(entry.ref)
    return SourceFacts(
        entry=entry,
        header=header,
        load=garden.fit.default_load(header),
        refusal=_refusal(garden, entry, consent=False),
        quantized=is_quantized(header),
        refused=_refusal(garden, entry, consent=True),
    )


def _refusal(garden: Garden, entry: LibraryEntry, *, consent: bool) -> RefusedError | None:
    try:
        garden.workshop.check(entry, allow_requantize=consent)
    except RefusedError as error:
        return error
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFits:
    """How results would run here.

    Attributes:
        by_type: Forecast per type.
        bands: Ranges of sizes that run in the same way.
    """

    by_type: Mapping[str, FitForecast]
    bands: tuple[SizeBand, ...]


def forecast_results(garden: Garden, source: SourceFacts, forecasts: Sequence[QuantizationForecast]) -> ResultFits:
    """Forecast each result from the source's shapes and the exact size of its file; blocks for some milliseconds."""
    machine = garden.machine.snapshot()

    def fit_of(size_bytes: int) -> FitForecast:
        return garden.fit.forecast_header(sibling_header(source.header, size_bytes), source.load, machine)

    by_type = {forecast.quant_type: fit_of(forecast.size_bytes) for forecast in forecasts}
    sizes = [forecast.size_bytes for forecast in forecasts]
    bands: tuple[SizeBand, ...] = ()
    if sizes:
        low, high = chart_range(min(sizes), max(sizes))

        def classify(size_bytes: int) -> tuple[str, str]:
            fit = fit_of(size_bytes)
            return _token(fit), verdict_word(fit)

        bands = size_bands(low, high, classify)
    return ResultFits(by_type=by_type, bands=bands)


def chart_range(smallest: float, largest: float) -> tuple[float, float]:
    """Sizes that the chart shows: the types with some room on both sides."""
    room = max((largest - smallest) * 0.12, largest * 0.02)
    return max(0.0, smallest - room), largest + room


def _token(fit: FitForecast) -> str:
    return fit.placement.value if fit.verdict is Verdict.FITS else fit.verdict.value
