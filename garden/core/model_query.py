"""What a user asks of the lists of models: words, filters, order."""

from __future__ import annotations

from dataclasses import dataclass

from garden.core.licence import LicenceClass
from garden.core.model_traits import ArchitectureKind

#: Orders of the list: four of the Hub's own, two dates, and Garden's.
SORTS = ("trending", "downloads", "likes", "updated", "created", "best_fit")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelQuery:
    """A question to the Hub, the parts that it cannot answer included. None takes any.

    Attributes:
        text: Words that the repository's name must contain.
        task: The Hub's task, e.g. ``text-generation``.
        author: User or organisation.
        license: The Hub's licence id, e.g. ``apache-2.0``.
        language: ISO 639 code that the card names, e.g. ``de``.
        min_parameters: Smallest total of parameters.
        max_parameters: Largest total of parameters.
        gated: Only models whose publisher asks for consent first, or only others.
        mine: Only what the account that is signed in, or an organisation of it, owns; private ones too.
        gguf_only: Only repositories with GGUF files.
        runs_here: Only what runs on this machine, as far as the Hub's fields tell.
        license_class: What licences allow.
        kind: What the layers are.
        quant_type: Type that a GGUF file must have, e.g. ``Q4_K_M``, as file names tell.
        updated_days: Changed within so many days.
        sort: One of ``SORTS``.
        runnable_first: Of what comes at once, the models that run here come first.
    """

    text: str = ""
    task: str | None = None
    author: str | None = None
    license: str | None = None
    language: str | None = None
    min_parameters: int | None = None
    max_parameters: int | None = None
    gated: bool | None = None
    mine: bool = False
    gguf_only: bool = True
    runs_here: bool = False
    license_class: LicenceClass | None = None
    kind: ArchitectureKind | None = None
    quant_type: str | None = None
    updated_days: int | None = None
    sort: str = "trending"
    runnable_first: bool = True

    @property
    def is_filtered_here(self) -> bool:
        """Whether it asks for what the Hub does not filter by, so that further pages may be needed for a screenful."""
        return bool(
            self.runs_here or self.license_class or self.kind or self.quant_type or self.updated_days is not None
        )

    @property
    def narrowing(self) -> tuple[str, ...]:
        """The filters that are set, by name."""
        named = (
            ("Runs here", self.runs_here),
            ("Task", self.task),
            ("Licence", self.license or self.license_class),
            ("Parameters", self.min_parameters or self.max_parameters),
            ("Architecture", self.kind),
            ("Quant", self.quant_type),
            ("Language", self.language),
            ("Gated", self.gated is not None),
            ("Mine", self.mine),
            ("Author", self.author),
            ("Updated", self.updated_days is not None),
        )
        return tuple(name for name, is_set in named if is_set)

    @property
    def plain(self) -> ModelQuery:
        """The same words in the same order, without a filter."""
        return ModelQuery(text=self.text, sort=self.sort, gguf_only=self.gguf_only, runnable_first=self.runnable_first)
