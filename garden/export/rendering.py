"""What every export is made from, and what it is: files as text, and what the target cannot express."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from garden.core.errors import RefusedError
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import RunConfiguration

#: The engine whose options and behaviour the renderers were checked against.
ENGINE_VERSION = "0.3.36"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What is exported.

    Attributes:
        configuration: With what the engine resolved, if it has run.
        prompt_text: The exact text that the model received in the pane, None without an answer.
        prompt_token_ids: Its tokens, empty when unknown.
        sample_text: What the template makes of any prompt, None where there is an answer or it is not known.
        template_text: The file's chat template, None when unknown or when there is none.
        engine_version: Version of llama-cpp-python that the answer came from.
        with_seed: Whether the seed goes along; without one the target draws anew for each answer.
    """

    configuration: RunConfiguration
    prompt_text: str | None = None
    prompt_token_ids: tuple[int, ...] = ()
    sample_text: str | None = None
    template_text: str | None = None
    engine_version: str = ENGINE_VERSION
    with_seed: bool = True

    @property
    def seed(self) -> int | None:
        """The seed that goes along, None when the target shall draw its own."""
        return self.configuration.ask.seed if self.with_seed else None

    @property
    def template(self) -> str | None:
        """The Jinja text that renders prompts; None for plain completion and when it is not known here."""
        choice = self.configuration.ask.template
        if choice == "none":
            return None
        return self.template_text if choice == "file" else choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A rendered configuration.

    Attributes:
        files: Names and texts; names have no folder.
        notes: Sentences on what the target cannot express, or how to use it.
    """

    files: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


def check_numbers(configuration: RunConfiguration) -> None:
    """Refuse what is no number: no target has a word for it.

    Raises:
        RefusedError: A sampler is infinite or not a number.
    """
    sampling = configuration.ask.sampling
    for field in fields(sampling):
        if not math.isfinite(getattr(sampling, field.name)):
            raise RefusedError(f"{field.name} is not a finite number.", "Choose another value in the pane's settings.")
    for adapter in configuration.load.adapters:
        if not math.isfinite(adapter.scale):
            raise RefusedError("The scale of an adapter is not a finite number.", "Choose another value.")


def seed_notes(request: ExportRequest) -> list[str]:
    """What to say where the answers are drawn, each anew."""
    if request.with_seed or request.configuration.ask.sampling.greedy:
        return []
    return ["No seed goes along: each answer is drawn anew."]


def revision_notes(model: ModelRef) -> list[str]:
    """What to say where the target fetches the model itself, by a name that moves on."""
    if model.path is not None or not model.revision:
        return []
    return [f"The target fetches what {model.repo_id} holds then; this configuration is of revision {model.revision}."]
