"""A command line for llama-server, llama.cpp's own HTTP server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from garden.core.errors import RefusedError
from garden.core.run_configuration import RunConfiguration
from garden.export.quoting import for_comment, for_posix, for_powershell
from garden.export.rendering import Export, ExportRequest, check_numbers, revision_notes, seed_notes

_WHERE = ("-m", "-hf", "-hff", "-a", "--host", "--port")
_LOADING = (
    "-c",
    "-b",
    "-ub",
    "-np",
    "-ngl",
    "--device",
    "-t",
    "-tb",
    "-fa",
    "-ctk",
    "-ctv",
    "-lm",
    "-ot",
    "--lora",
    "--lora-scaled",
)
_SWITCHES = ("--swa-full", "--kv-unified", "--no-kv-unified", "--repack", "--no-repack", "--fit", "--no-escape")
_CACHING = ("--no-cache-prompt", "--cache-ram", "--no-context-shift")
_CHAT = ("--jinja", "--chat-template-file", "--reasoning-format", "-n", "-s", "-r", "--samplers")
_TRUNCATION = ("--temp", "--top-k", "--top-p", "--min-p", "--typical-p", "--top-n-sigma")
_XTC = ("--xtc-probability", "--xtc-threshold")
_PENALTIES = ("--repeat-last-n", "--repeat-penalty", "--frequency-penalty", "--presence-penalty")
_DRY = ("--dry-multiplier", "--dry-base", "--dry-allowed-length", "--dry-penalty-last-n")

#: Options of llama-server in llama.cpp v0.5.0 (common/arg.cpp) that this renderer uses; nothing else is written.
OPTIONS = frozenset((*_WHERE, *_LOADING, *_SWITCHES, *_CACHING, *_CHAT, *_TRUNCATION, *_XTC, *_PENALTIES, *_DRY))

_SAMPLERS = "penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature"
_TEMPLATE_FILE = "chat-template.jinja"


@dataclass(frozen=True, slots=True)
class Option:
    """One option; ``beside`` marks a value that is a file beside the script."""

    name: str
    value: str | None = None
    beside: bool = False


def render_llama_server(request: ExportRequest) -> Export:
    """A shell script for POSIX and one for PowerShell that start llama-server with this configuration.

    Raises:
        RefusedError: Something cannot be written in a command line.
    """
    check_numbers(request.configuration)
    notes: list[str] = []
    options = _options(request, notes)
    check_options(options)
    title = f"{request.configuration.model.name} {request.configuration.model.quant_type or ''}".strip()
    files = [
        ("llama-server.sh", _posix(options, title)),
        ("llama-server.ps1", _powershell(options, title)),
    ]
    if any(option.beside for option in options):
        files.append((_TEMPLATE_FILE, request.configuration.ask.template))
    _add_notes(request.configuration, options, notes)
    notes += seed_notes(request)
    notes += revision_notes(request.configuration.model)
    return Export(files=tuple(files), notes=tuple(notes))


def loading_line(configuration: RunConfiguration) -> str:
    """One line for a POSIX shell that loads the model just as the scripts do: which file, every load parameter.

    How it is asked (template, samplers) and where the server listens is left to the scripts.

    Raises:
        RefusedError: Something cannot be written in a command line.
    """
    options = (*_file(configuration), *_loading(configuration, []))
    check_options(options)
    return "llama-server" + _lines(options, for_posix, "", " ")


def check_options(options: tuple[Option, ...]) -> None:
    """Hold every option against the list of known ones.

    Raises:
        RefusedError: One is not an option of llama-server.
    """
    for option in options:
        if option.name not in OPTIONS:
            raise RefusedError(f"{option.name} is not an option of llama-server.", "Nothing was written.")


def _options(request: ExportRequest, notes: list[str]) -> tuple[Option, ...]:
    configuration = request.configuration
    found = [
        *_model(configuration),
        Option("--host", "127.0.0.1"),
        Option("--port", "8080"),
        *_loading(configuration, notes),
        # A reused prefix is computed in other batches; without it an answer depends on its prompt alone.
        Option("--no-cache-prompt"),
        Option("--cache-ram", "0"),
        Option("--no-context-shift"),
    ]
    found += _template(configuration, notes)
    found += _sampling(request)
    # Backslashes in stop strings are backslashes.
    found.append(Option("--no-escape"))
    found += [Option("-r", stop) for stop in configuration.ask.stops if stop]
    return tuple(found)


def _loading(configuration: RunConfiguration, notes: list[str]) -> list[Option]:
    """Every load parameter; what cannot be written is noted."""
    load = configuration.load
    found = [
        Option("-c", str(load.context_length)),
        Option("-b", str(load.n_batch)),
        Option("-ub", str(load.n_ubatch)),
        Option("-np", str(load.n_sequences)),
        Option("-ngl", str(load.n_gpu_layers)),
        # Without a layer on a GPU the server would still compute prompts there, and take room for that.
        *([Option("--device", "none")] if load.leaves_gpus_alone else []),
        Option("-t", str(load.threads)),
        Option("-tb", str(load.threads_batch)),
        Option("-fa", load.flash_attention),
        Option("-ctk", load.type_k),
        Option("-ctv", load.type_v),
        Option("-lm", load.load_mode),
        Option("--repack" if load.repack else "--no-repack"),
        Option("--kv-unified" if load.kv_unified else "--no-kv-unified"),
        # Everything is chosen: the server must not trade context or layers for memory by itself.
        Option("--fit", "off"),
    ]
    if load.swa_full:
        found.append(Option("--swa-full"))
    return found + _placements(configuration, notes) + _adapters(configuration, notes)


def _model(configuration: RunConfiguration) -> list[Option]:
    # A comma would make two names of one.
    return [*_file(configuration), Option("-a", for_comment(configuration.model.name).replace(",", " "))]


def _file(configuration: RunConfiguration) -> list[Option]:
    model = configuration.model
    if model.path is not None:
        return [Option("-m", model.path)]
    if model.repo_id is None:
        raise RefusedError("This model has neither a file nor a place on the Hub.", "Fetch it first.")
    if model.quant_type:
        return [Option("-hf", f"{model.repo_id}:{model.quant_type}")]
    # Without a type the server would look for one of its own choice.
    return [Option("-hf", model.repo_id), *(Option("-hff", name) for name in model.filenames[:1])]


def _placements(configuration: RunConfiguration, notes: list[str]) -> list[Option]:
    found: list[str] = []
    for pattern, device in configuration.load.tensor_placement:
        if "," in pattern or "=" in pattern or "," in device:
            notes.append(f"The placement {pattern!r} cannot be written: llama-server splits it at commas and signs.")
        else:
            found.append(f"{pattern}={device}")
    return [Option("-ot", ",".join(found))] if found else []


def _adapters(configuration: RunConfiguration, notes: list[str]) -> list[Option]:
    plain: list[str] = []
    scaled: list[str] = []
    for adapter in configuration.load.adapters:
        scale = None if adapter.scale == 1.0 else adapter.scale
        if any(character in adapter.path for character in ',"\n') or (scale is not None and ":" in adapter.path):
            notes.append(
                f"The adapter {adapter.path!r} cannot be written: llama-server splits it at commas and colons."
            )
        elif scale is None:
            plain.append(adapter.path)
        else:
            scaled.append(f"{adapter.path}:{scale}")
    options = [Option("--lora", ",".join(plain))] if plain else []
    return options + ([Option("--lora-scaled", ",".join(scaled))] if scaled else [])


def _template(configuration: RunConfiguration, notes: list[str]) -> list[Option]:
    template = configuration.ask.template
    if template == "none":
        notes.append("The text is completed, not answered: send it to /completion, not to /v1/chat/completions.")
        return []
    options = [Option("--jinja"), Option("--reasoning-format", "none")]
    if template != "file":
        options.append(Option("--chat-template-file", _TEMPLATE_FILE, beside=True))
    return options


def _sampling(request: ExportRequest) -> list[Option]:
    configuration = request.configuration
    sampling, context = configuration.ask.sampling, configuration.load.context_length
    values: list[tuple[str, int | float]] = [
        ("--temp", max(float(sampling.temperature), 0.0)),
        # Greedy is greedy whatever else is set; one candidate says so.
        ("--top-k", 1 if sampling.greedy else sampling.top_k),
        ("--top-p", sampling.top_p),
        ("--min-p", sampling.min_p),
        ("--typical-p", sampling.typical_p),
        ("--top-n-sigma", sampling.top_n_sigma),
        ("--xtc-probability", sampling.xtc_probability),
        ("--xtc-threshold", sampling.xtc_threshold),
        # The server refuses −1; the whole context is the context.
        ("--repeat-last-n", sampling.repeat_last_n if sampling.repeat_last_n >= 0 else context),
        ("--repeat-penalty", sampling.repeat_penalty),
        ("--frequency-penalty", sampling.frequency_penalty),
        ("--presence-penalty", sampling.presence_penalty),
        ("--dry-multiplier", sampling.dry_multiplier),
        ("--dry-base", sampling.dry_base),
        ("--dry-allowed-length", sampling.dry_allowed_length),
        ("--dry-penalty-last-n", sampling.dry_penalty_last_n if sampling.dry_penalty_last_n >= 0 else context),
    ]
    return [
        Option("-n", str(configuration.ask.max_tokens)),
        *([Option("-s", str(request.seed))] if request.seed is not None else []),
        Option("--samplers", _SAMPLERS),
        *(Option(name, str(value)) for name, value in values),
    ]


def _posix(options: tuple[Option, ...], title: str) -> str:
    lines = _lines(options, for_posix, f'"$(dirname -- "$0")"/{_TEMPLATE_FILE}', " \\\n  ")
    return f"#!/bin/sh\n# {for_comment(title)}\nexec llama-server{lines}\n"


def _powershell(options: tuple[Option, ...], title: str) -> str:
    lines = _lines(options, for_powershell, f'"$PSScriptRoot/{_TEMPLATE_FILE}"', " `\n  ")
    return f"# {for_comment(title)}\n& llama-server{lines}\n"


def _lines(options: tuple[Option, ...], quote: Callable[[str], str], beside: str, separator: str) -> str:
    words = []
    for option in options:
        value = beside if option.beside else None if option.value is None else quote(option.value)
        words.append(option.name if value is None else f"{option.name} {value}")
    return "".join(separator + word for word in words)


def _add_notes(configuration: RunConfiguration, options: tuple[Option, ...], notes: list[str]) -> None:
    ask = configuration.ask
    if configuration.load.flash_attention == "auto":
        notes.append("Flash attention is left to the engine (auto): run the model once, then export what it chose.")
    if ask.system_prompt is not None:
        notes.append("llama-server has no option for a system prompt: send it as the first message of each request.")
    if ask.sampling.greedy:
        notes.append("A request's own fields win: send temperature 0, or leave temperature and repeat_penalty out.")
    if ask.stops:
        notes.append("A request that sends stop strings of its own replaces these.")
    if any('"' in (option.value or "") for option in options):
        notes.append("On Windows the text with double quotes needs PowerShell 7.3 or newer.")
    notes.append(
        "The server listens on this machine only and asks for no key; add --api-key before you let others reach it."
    )
    notes.append("On Windows use llama-server.ps1; both scripts say the same.")
