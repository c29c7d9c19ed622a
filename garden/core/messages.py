"""Messages between Garden and its children: JSON lines of frozen tagged Structs. Nothing is ever unpickled."""

from __future__ import annotations

import msgspec

from garden.core.conversation import ChatMessage, FinishReason, GenerationMetrics
from garden.core.hardware_snapshot import Engine, Gpu
from garden.core.receipt import QualityReport, QuantizationForecast
from garden.core.residency import FreeMemory
from garden.core.run_configuration import AskParameters, RunConfiguration


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all messages; the tag is the class name."""


# --- to and from any worker -------------------------------------------------------------------------------------------


class Cancel(Message, frozen=True, kw_only=True):
    """Stop the work under way. The child answers with what it has, or ends.

    Attributes:
        request_id: Which request is meant, even one that is still on its way; never one after it. None means whatever
            is under way when it comes.
    """

    request_id: int | None = None


class Failed(Message, frozen=True, kw_only=True):
    """The work failed; a worker that serves one request ends after it.

    Attributes:
        kind: Class name of the GardenError.
        sentence: What happened.
        action: What helps.
        detail: Technical text.
        retry_after_seconds: How long the Hub asks to wait, None when it does not.
    """

    kind: str
    sentence: str
    action: str = ""
    detail: str = ""
    retry_after_seconds: float | None = None


class Progress(Message, frozen=True, kw_only=True):
    """How far the work is.

    Attributes:
        done: Units done.
        total: Units in all, None when unknown.
        note: What it is doing now.
    """

    done: int
    total: int | None = None
    note: str = ""


# --- generate ---------------------------------------------------------------------------------------------------------


class LoadModel(Message, frozen=True, kw_only=True):
    """First message to the generate worker: load this, verbatim. To a Cancel it is request 0."""

    configuration: RunConfiguration


class BufferUse(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that the engine holds in one buffer type, e.g. ``CPU`` or ``CUDA0``."""

    name: str
    weights_bytes: int
    context_bytes: int
    compute_bytes: int


class ModelLoaded(Message, frozen=True, kw_only=True):
    """What the engine made of the configuration.

    Attributes:
        configuration: With every auto resolved (flash attention, context, layers, template hash).
        buffers: The engine's own buffers.
        kv_cache_bytes: Cache and recurrent state: the sum of the buffers' context bytes.
        load_seconds: Wall-clock time of the load.
        resident_bytes: Resident set after the load.
        peak_resident_bytes: Its high-water mark until then.
        gpu_free: What each GPU had free before the load, and after it.
        vocab_size: Tokens in the vocabulary.
        has_template: Whether the file carries a chat template.
        engine_version: Version of llama-cpp-python.
        cpu_features: Instruction sets the engine uses.
    """

    configuration: RunConfiguration
    buffers: tuple[BufferUse, ...]
    kv_cache_bytes: int
    load_seconds: float
    resident_bytes: int
    vocab_size: int
    has_template: bool
    engine_version: str
    cpu_features: tuple[str, ...] = ()
    peak_resident_bytes: int | None = None
    gpu_free: tuple[FreeMemory, ...] = ()

    @property
    def buffers_bytes(self) -> int:
        """Sum of the engine's buffers."""
        return sum(b.weights_bytes + b.context_bytes + b.compute_bytes for b in self.buffers)


class Generate(Message, frozen=True, kw_only=True):
    """Answer these messages.

    Attributes:
        request_id: Comes back in every message about it.
        messages: The chat so far, the system message included if one is sent. With ``ask.template == "none"`` the
            contents are joined as plain text and completed.
        ask: Template, samplers, seed, bounds.
        ignore_eos: Go on past the end token (benchmarks).
    """

    request_id: int
    messages: tuple[ChatMessage, ...]
    ask: AskParameters
    ignore_eos: bool = False


class PromptRendered(Message, frozen=True, kw_only=True):
    """The exact text and tokens that the model receives."""

    request_id: int
    text: str
    token_ids: tuple[int, ...]
    reused_tokens: int


class PromptRead(Message, frozen=True, kw_only=True):
    """Progress of reading the prompt, in tokens."""

    request_id: int
    done: int
    total: int


class Delta(Message, frozen=True, kw_only=True):
    """The answer grew. Tokens come as soon as they are sampled, their text when it is whole UTF-8 and no stop."""

    request_id: int
    text: str
    token_ids: tuple[int, ...] = ()


class Generated(Message, frozen=True, kw_only=True):
    """The answer is complete; ``text`` is all of it."""

    request_id: int
    text: str
    token_ids: tuple[int, ...]
    finish_reason: FinishReason
    metrics: GenerationMetrics


class GenerationFailed(Message, frozen=True, kw_only=True):
    """This request failed; the model stays loaded. ``kind`` is the class name of the GardenError."""

    request_id: int
    sentence: str
    action: str = ""
    detail: str = ""
    kind: str = "GardenError"


GenerateInput = LoadModel | Generate | Cancel
GenerateOutput = ModelLoaded | Progress | PromptRendered | PromptRead | Delta | Generated | GenerationFailed | Failed

# --- quantize ---------------------------------------------------------------------------------------------------------


class Quantize(Message, frozen=True, kw_only=True):
    """Quantize one file, or say what it would make.

    Attributes:
        source: Path of the GGUF to read.
        destination: Path to write (the worker writes beside it and renames); ignored in a dry run.
        quant_type: llama.cpp's name, e.g. ``Q4_K_M``.
        threads: ≥ 1.
        allow_requantize: The user consents to quantizing an already quantized source.
        dry_run: Write nothing.
        lineage: Text stored in the file's metadata as ``garden.lineage``.
    """

    source: str
    destination: str
    quant_type: str
    threads: int = 1
    allow_requantize: bool = False
    dry_run: bool = False
    lineage: str = ""


class Quantized(Message, frozen=True, kw_only=True):
    """What it made (or would make). ``sha256`` is empty and ``path`` too in a dry run.

    ``requantized``: weights of the source were quantized already.
    """

    quant_type: str
    path: str
    size_bytes: int
    bits_per_weight: float
    seconds: float
    peak_memory_bytes: int
    sha256: str
    tensors: dict[str, int]
    fallbacks: int
    needs_imatrix: bool
    engine_version: str
    requantized: bool = False


class PlanQuantization(Message, frozen=True, kw_only=True):
    """Say what each of several types would make, in one child; nothing is written.

    Attributes:
        source: Path of the GGUF to read.
        quant_types: llama.cpp's names.
        lineage: As it will be stored, since it is part of the size.
    """

    source: str
    quant_types: tuple[str, ...]
    lineage: str = ""


class QuantizationPlanned(Message, frozen=True, kw_only=True):
    """One forecast per type, in the order asked."""

    forecasts: tuple[QuantizationForecast, ...]


QuantizeInput = Quantize | PlanQuantization | Cancel
QuantizeOutput = Progress | Quantized | QuantizationPlanned | Failed

# --- measure (loss of a quant against its base) -----------------------------------------------------------------------


class MeasureQuality(Message, frozen=True, kw_only=True):
    """Score quants against a base on one text, second half of each window.

    Attributes:
        base: Path of the base model.
        quants: Paths of the quants, in the order in which reports are wanted.
        names: Names for the reports, base first, then one per quant.
        text_path: UTF-8 text.
        text_name: Its name for the reports.
        window: Tokens per window.
        windows: Windows at most.
        threads: ≥ 1.
        cache_dir: Folder for the base's log-probabilities (removed by whoever made it).
    """

    base: str
    quants: tuple[str, ...]
    names: tuple[str, ...]
    text_path: str
    text_name: str
    window: int = 512
    windows: int = 8
    threads: int = 1
    cache_dir: str = ""


class QualityMeasured(Message, frozen=True, kw_only=True):
    """One report per quant, in the order asked."""

    reports: tuple[QualityReport, ...]
    base_perplexity: float


MeasureInput = MeasureQuality | Cancel
MeasureOutput = Progress | QualityMeasured | Failed

# --- transfer ---------------------------------------------------------------------------------------------------------


class Transfer(Message, frozen=True, kw_only=True):
    """Fetch files of one repository into the shared Hub cache, resuming and verifying.

    Attributes:
        endpoint: Base address of the Hub.
        repo_id: ``owner/name``.
        revision: Commit hash.
        filenames: Files to fetch, in order.
        cache_dir: Hub cache (``HF_HUB_CACHE``).
        token: Sent to the endpoint's host only; None sends none.
        stall_seconds: A connection that is silent for so long is given up and made anew.
        branch: Where to look for the files when the commit is gone or has changed; empty looks nowhere.
        bytes_per_second: At most so fast, until it is told otherwise; None as fast as it comes.
        hold_off_seconds: The Hub has asked for a pause and is asked nothing for so long.
        plain_limit_bytes: Larger files come out of the Hub's store of pieces (Xet); 0 takes the Hub's own limit, 50 GB.
    """

    endpoint: str
    repo_id: str
    revision: str
    filenames: tuple[str, ...]
    cache_dir: str
    token: str | None = None
    stall_seconds: float = 20.0
    branch: str = ""
    bytes_per_second: float | None = None
    hold_off_seconds: float = 0.0
    plain_limit_bytes: int = 0


class SteerTransfer(Message, frozen=True, kw_only=True):
    """Go on at another pace; both fields as in Transfer."""

    bytes_per_second: float | None = None
    hold_off_seconds: float = 0.0


class TransferPlanned(Message, frozen=True, kw_only=True):
    """What is fetched; told again when the files have changed on the Hub meanwhile.

    Attributes:
        revision: Commit hash.
        etags: Hash that names each file in the cache, in the order asked.
    """

    revision: str
    etags: tuple[str, ...]


class FileFetched(Message, frozen=True, kw_only=True):
    """One of the files came whole by this transfer, or by what an earlier run of it had left.

    Attributes:
        etag: Hash that names it in the cache.
    """

    etag: str


class HubAskedToWait(Message, frozen=True, kw_only=True):
    """The Hub wants no request for so many seconds, from any transfer."""

    seconds: float


class Transferred(Message, frozen=True, kw_only=True):
    """All files are in the cache and match their hashes; the first file's path and hash, the sum of the sizes."""

    path: str
    sha256: str
    size_bytes: int


TransferInput = Transfer | SteerTransfer | Cancel
TransferOutput = Progress | TransferPlanned | FileFetched | HubAskedToWait | Transferred | Failed

# --- probe ------------------------------------------------------------------------------------------------------------


class Probe(Message, frozen=True, kw_only=True):
    """Read GPUs and the engine in a short-lived child.

    Attributes:
        known: GPUs of an earlier look, for the name and size of one that sleeps now.
        added: Load the backends that were added to the engine; without, the engine alone is looked at.
        engine: What was known of it. Where a GPU sleeps and the engine has a backend that would wake it, the engine is
            not loaded, and this stands for it.
        wake: The user, or a load that is about to begin, wants sleeping GPUs awake.
    """

    known: tuple[Gpu, ...] = ()
    added: bool = True
    engine: Engine | None = None
    wake: bool = False


class Probed(Message, frozen=True, kw_only=True):
    """What it found."""

    gpus: tuple[Gpu, ...]
    engine: Engine


ProbeInput = Probe | Cancel
ProbeOutput = Probed | Failed
