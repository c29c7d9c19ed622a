"""A Python script that answers as the pane did, with llama-cpp-python and nothing of Garden."""

from __future__ import annotations

import pprint
from typing import Any

import msgspec

from garden.core.errors import NotFoundError
from garden.core.paths import resource_path
from garden.export.rendering import Export, ExportRequest, check_numbers, seed_notes

#: Asked when the configuration comes without a prompt.
DEFAULT_QUESTION = "Why is the sky blue?"

_PLACE = "CONFIGURATION: dict[str, Any] = {}\n"
_FILE = "answer.py"


def render_script(request: ExportRequest) -> Export:
    """The script; the prompt of the pane is in it as text and tokens, so that it needs no template engine.

    Raises:
        RefusedError: A number is none.
    """
    check_numbers(request.configuration)
    script = resource_path("export/answer.py").read_text(encoding="utf-8")
    if script.count(_PLACE) != 1:
        raise NotFoundError("A part of Garden is damaged: export/answer.py.", "Install Garden again.")
    # Python's own way of writing values: whatever stands in a name or a prompt stays inside its quotes.
    values = pprint.pformat(_values(request), width=110, sort_dicts=False)
    text = script.replace(_PLACE, f"CONFIGURATION: dict[str, Any] = {values}\n")
    return Export(files=((_FILE, text),), notes=tuple(_notes(request)))


def _values(request: ExportRequest) -> dict[str, Any]:
    configuration: dict[str, Any] = msgspec.to_builtins(request.configuration)
    configuration["ask"]["seed"] = request.seed
    return {
        "engine_version": request.engine_version,
        **configuration,
        "prompt": {
            "question": DEFAULT_QUESTION,
            "text": request.prompt_text,
            "token_ids": list(request.prompt_token_ids),
        },
    }


def _notes(request: ExportRequest) -> list[str]:
    configuration = request.configuration
    notes = [f"Needs llama-cpp-python {request.engine_version}: pip install llama-cpp-python=={request.engine_version}"]
    if configuration.load.flash_attention == "auto":
        notes.append("Flash attention is left to the engine (auto): run the model once, then export what it chose.")
    if configuration.load.n_gpu_layers > 0:
        notes.append(
            "Layers go to a GPU only where the script's own engine has a backend for it; pip's build has none."
        )
    if configuration.model.sha256 is None:
        notes.append("The file was not hashed yet: the script cannot tell whether it runs the same one.")
    if request.prompt_text is None:
        notes.append(f"Without an answer to export, the script asks: {DEFAULT_QUESTION}")
    return notes + seed_notes(request)
