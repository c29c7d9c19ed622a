"""What Garden tells of a model from the Hub's fields, to filter and to sort by."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from garden.core.licence import LicenceClass


class ArchitectureKind(enum.StrEnum):
    """What the layers of a language model are."""

    DENSE = "dense"
    MOE = "moe"
    RECURRENT = "recurrent"
    HYBRID = "hybrid"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTraits:
    """Read off a row once.

    Attributes:
        kind: What the layers are; None where nothing tells.
        active_parameters: Parameters that a token uses, of a mixture of experts; None where nothing tells.
        quant_types: Types of the GGUF models that file names tell, the largest first.
        license_class: What the licence allows.
        updated_at: Seconds since the epoch, None when the Hub does not say.
    """

    kind: ArchitectureKind | None = None
    active_parameters: int | None = None
    quant_types: tuple[str, ...] = ()
    license_class: LicenceClass = LicenceClass.UNKNOWN
    updated_at: float | None = None
