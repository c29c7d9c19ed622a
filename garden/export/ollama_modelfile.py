"""A Modelfile for Ollama."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

from garden.core.errors import RefusedError
from garden.core.run_configuration import RunConfiguration
from garden.export.go_template import family_of, system_in
from garden.export.modelfile_reader import Instruction, bare, quoted, read_modelfile
from garden.export.quoting import for_comment
from garden.export.rendering import Export, ExportRequest, check_numbers, revision_notes, seed_notes

#: K and V types that Ollama's OLLAMA_KV_CACHE_TYPE takes.
_OLLAMA_KV_TYPES = frozenset({"f16", "q8_0", "q4_0"})


def render_modelfile(request: ExportRequest) -> Export:
    """A Modelfile that holds all of the configuration that a Modelfile can hold.

    Raises:
        RefusedError: The model's path or an adapter's cannot be written in a Modelfile.
    """
    check_numbers(request.configuration)
    notes: list[str] = []
    instructions = [
        *_model(request.configuration),
        *_parameters(request, notes),
        *_texts(request, notes),
        *_adapters(request.configuration, notes),
    ]
    text = _heading(request) + "".join(_line(instruction) for instruction in instructions)
    if read_modelfile(text) != tuple(instructions):
        # Never seen; it would mean that what is written is not what was chosen.
        raise RefusedError("The Modelfile would not say what was chosen.", "Use another format.")
    _note_the_rest(request.configuration, notes)
    notes += seed_notes(request)
    notes += revision_notes(request.configuration.model)
    return Export(files=(("Modelfile", text),), notes=tuple(notes))


def _heading(request: ExportRequest) -> str:
    model = request.configuration.model
    lines = [
        for_comment(f"# {model.name} {model.quant_type or ''}").rstrip(),
        "# ollama create NAME -f Modelfile",
    ]
    if model.sha256:
        lines.append(f"# SHA-256 of the file: {for_comment(model.sha256)}")
    return "\n".join(lines) + "\n\n"


def _model(configuration: RunConfiguration) -> list[Instruction]:
    model = configuration.model
    if model.path is None:
        if model.repo_id is None:
            raise RefusedError("This model has neither a file nor a place on the Hub.", "Fetch it first.")
        tag = f":{model.quant_type}" if model.quant_type else ""
        return [Instruction(name="FROM", value=f"hf.co/{model.repo_id}{tag}")]
    names = [_bare_name(filename) for filename in model.filenames]
    paths = [model.path, *(_beside(model.path, name) for name in names[1:])]
    return [Instruction(name="FROM", value=path) for path in paths]


def _parameters(request: ExportRequest, notes: list[str]) -> list[Instruction]:
    configuration = request.configuration
    sampling, ask = configuration.ask.sampling, configuration.ask
    values: list[tuple[str, int | float | str]] = [
        ("num_ctx", configuration.load.context_length),
        ("num_predict", ask.max_tokens),
        ("temperature", max(float(sampling.temperature), 0.0)),
        # Greedy is greedy whatever else is set; one candidate says so to every version.
        ("top_k", 1 if sampling.greedy else sampling.top_k),
        ("top_p", sampling.top_p),
        ("min_p", sampling.min_p),
        ("repeat_penalty", sampling.repeat_penalty),
        ("repeat_last_n", sampling.repeat_last_n),
        *([("seed", request.seed)] if request.seed is not None else []),
    ]
    found = [Instruction(name="PARAMETER", key=key, value=str(value)) for key, value in values]
    for stop in filter(None, ask.stops):
        if quoted(stop) is None:
            notes.append(f"The stop string {stop!r} cannot be written in a Modelfile; send it with each request.")
        else:
            found.append(Instruction(name="PARAMETER", key="stop", value=stop))
    return found


def _texts(request: ExportRequest, notes: list[str]) -> list[Instruction]:
    """TEMPLATE and SYSTEM."""
    ask = request.configuration.ask
    found: list[Instruction] = []
    system = ask.system_prompt
    if ask.template == "none":
        found.append(Instruction(name="TEMPLATE", value="{{ if .System }}{{ .System }}\n\n{{ end }}{{ .Prompt }}"))
    else:
        family = family_of(request.template) if request.template else None
        prompt = request.sample_text if request.prompt_text is None else request.prompt_text
        if family is None:
            notes.append(
                "The chat template is left to Ollama, which picks one by the file's own; "
                "the file's template has no counterpart in Ollama's language here."
            )
        elif prompt is not None and not prompt.endswith(family.opening):
            notes.append(
                f"The chat template is left to Ollama: the file's template looks like {family.title}, "
                "but begins the answer in its own way."
            )
        else:
            found.append(Instruction(name="TEMPLATE", value=family.go))
            notes.append(
                f"TEMPLATE is the {family.title} form in Ollama's language; tools, reasoning and special cases of "
                "the file's own template are not in it."
            )
            if system is None and prompt is not None and (own := system_in(family, prompt)) is not None:
                system = own
                notes.append("SYSTEM is the system message that the file's template puts in by itself.")
    if system is not None:
        if quoted(system) is None:
            notes.append(
                "The system prompt cannot be written in a Modelfile as it is (three quotes at the end of a line, or "
                "characters that do not print); send it with each request."
            )
        else:
            found.append(Instruction(name="SYSTEM", value=system))
    return found


def _adapters(configuration: RunConfiguration, notes: list[str]) -> list[Instruction]:
    adapters = configuration.load.adapters
    for adapter in adapters:
        if adapter.scale != 1.0:
            notes.append(
                f"Ollama applies the adapter {_bare_name(adapter.path)} at full strength, not {adapter.scale}."
            )
    if len(adapters) > 1:
        notes.append("Ollama applies the first adapter only.")
    return [Instruction(name="ADAPTER", value=adapter.path) for adapter in adapters[:1]]


def _note_the_rest(configuration: RunConfiguration, notes: list[str]) -> None:
    load, sampling = configuration.load, configuration.ask.sampling
    flash = {"on": "1", "off": "0", "auto": None}[load.flash_attention]
    if flash is not None:
        notes.append(f"Flash attention belongs to Ollama's server: start it with OLLAMA_FLASH_ATTENTION={flash}.")
    if load.type_k == load.type_v and load.type_k in _OLLAMA_KV_TYPES:
        notes.append(f"The KV cache type belongs to Ollama's server: start it with OLLAMA_KV_CACHE_TYPE={load.type_k}.")
    else:
        notes.append(f"Ollama has no KV cache of type {load.type_k} for K and {load.type_v} for V.")
    notes.append("GPU layers, threads and batch sizes are Ollama's own choice.")
    off = {
        "typical_p": 1.0,
        "top_n_sigma": -1.0,
        "xtc_probability": 0.0,
        "frequency_penalty": 0.0,
        "presence_penalty": 0.0,
        "dry_multiplier": 0.0,
    }
    used = [name for name, value in off.items() if getattr(sampling, name) != value]
    if used:
        notes.append(
            f"A Modelfile has no word for {', '.join(used)}; send them with each request where Ollama takes them."
        )
    if load.tensor_placement:
        notes.append("A Modelfile cannot say which tensors go where.")
    notes.append("Ollama has an engine build of its own: greedy answers may part where two tokens are nearly alike.")


def _line(instruction: Instruction) -> str:
    value = instruction.value
    if instruction.name != "PARAMETER" or instruction.key == "stop":
        is_path = instruction.name in ("FROM", "ADAPTER")
        written = (bare(value) if is_path else None) or quoted(value)
        if written is None:
            raise RefusedError(
                f"This path cannot be written in a Modelfile: {for_comment(value)[:200]}", "Rename the file or folder."
            )
        value = written
    return " ".join(filter(None, (instruction.name, instruction.key, value))) + "\n"


def _bare_name(path: str) -> str:
    return PureWindowsPath(path).name


def _beside(path: str, name: str) -> str:
    """A file in the same folder; exports may be rendered for paths of another system."""
    windows = "\\" in path and "/" not in path
    return str((PureWindowsPath if windows else PurePosixPath)(path).parent / name)
