"""RunConfiguration: which file, how it is loaded, how it is asked. The one value in the middle of Garden.

Fit forecasts it, admission counts it, a worker loads it verbatim, a pane and a saved comparison store it, export
renders it and replay proves the rendering. Where the engine leaves a choice, Garden takes one and writes it here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from garden.core.errors import InvalidFileError
from garden.core.model_ref import ModelRef

SCHEMA_VERSION = 1

#: Types of the K and V cache that the engine's flash attention kernels read; bytes per element as in GGML.
KV_TYPES: dict[str, float] = {
    "f32": 4.0,
    "f16": 2.0,
    "bf16": 2.0,
    "q8_0": 34 / 32,
    "q5_1": 24 / 32,
    "q5_0": 22 / 32,
    "q4_1": 20 / 32,
    "q4_0": 18 / 32,
}

FlashAttention = Literal["auto", "on", "off"]
LoadMode = Literal["none", "mmap"]

#: Stands for "as many layers on the GPU as fit": a forecast resolves it, and no load is asked for with it.
AUTO_GPU_LAYERS = -1

#: Context chosen when the user chose none, capped by what the model was trained for.
DEFAULT_CONTEXT_LENGTH = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A LoRA adapter applied at load.

    Attributes:
        path: File on this machine.
        scale: Strength, 1.0 is as trained.
        sha256: Hash of the file, None until hashed.
    """

    path: str
    scale: float = 1.0
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadParameters:
    """How the engine loads the file. Every field is sent explicitly; nothing is left to a default of the engine.

    Attributes:
        context_length: Tokens per sequence set, > 0.
        type_k: Type of the K cache, a key of KV_TYPES.
        type_v: Type of the V cache, a key of KV_TYPES.
        n_gpu_layers: Layers on the GPU, 0..block_count + 1 (the output layer counts, and moves first), or
            AUTO_GPU_LAYERS. With 0, and no tensor placed there, GPUs are left alone: prompts run on the processor too.
        tensor_placement: Pairs (regular expression over tensor names, buffer type name), e.g. experts to ``CPU``.
        n_batch: Tokens per decode call.
        n_ubatch: Tokens per compute batch.
        n_sequences: Parallel sequences; the context is shared out among them.
        n_outputs_max: Rows of logits reserved; a chat needs one per sequence.
        flash_attention: auto lets the engine choose per device; the load report says what it chose.
        swa_full: Keep full-size caches for sliding-window layers.
        kv_unified: One cache for all sequences.
        load_mode: ``none`` reads the file into memory, ``mmap`` maps it (memory figures are then estimates).
        repack: Let the CPU backend rearrange weights for its instruction set.
        threads: Threads for decoding one token, ≥ 1.
        threads_batch: Threads for prompt batches, ≥ 1.
        adapters: LoRA adapters.
    """

    context_length: int = DEFAULT_CONTEXT_LENGTH
    type_k: str = "f16"
    type_v: str = "f16"
    n_gpu_layers: int = 0
    tensor_placement: tuple[tuple[str, str], ...] = ()
    n_batch: int = 512
    n_ubatch: int = 512
    n_sequences: int = 1
    n_outputs_max: int = 1
    flash_attention: FlashAttention = "auto"
    swa_full: bool = False
    kv_unified: bool = False
    load_mode: LoadMode = "none"
    repack: bool = True
    threads: int = 1
    threads_batch: int = 1
    adapters: tuple[Adapter, ...] = ()

    @property
    def names_gpu(self) -> bool:
        """Whether a tensor placement names another device than the processor."""
        return any(device != "CPU" for _pattern, device in self.tensor_placement)

    @property
    def leaves_gpus_alone(self) -> bool:
        """Whether no GPU is touched, for prompts neither: no layer and no tensor was meant for one."""
        return self.n_gpu_layers == 0 and not self.names_gpu


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Every sampler of llama.cpp, in its order: penalties, DRY, top-nσ, top-k, typical, top-p, min-p, XTC, temperature.

    Attributes:
        temperature: 0 is greedy: the most probable token, whatever the others say.
        top_k: 0 keeps all.
        top_p: 1 keeps all.
        min_p: 0 keeps all.
        typical_p: 1 switches it off.
        top_n_sigma: −1 switches it off.
        xtc_probability: 0 switches XTC off.
        xtc_threshold: Minimum probability for XTC to cut.
        repeat_last_n: Window of the penalties in tokens; 0 off, −1 the whole context.
        repeat_penalty: 1 switches it off.
        frequency_penalty: 0 switches it off.
        presence_penalty: 0 switches it off.
        dry_multiplier: 0 switches DRY off.
        dry_base: Growth of the DRY penalty.
        dry_allowed_length: Repeats longer than this are penalised.
        dry_penalty_last_n: Window of DRY; −1 the whole context.
    """

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    typical_p: float = 1.0
    top_n_sigma: float = -1.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    repeat_last_n: int = 64
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = -1

    @property
    def greedy(self) -> bool:
        """Whether the answer is a function of the prompt alone."""
        return self.temperature <= 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AskParameters:
    """How the loaded model is asked.

    Attributes:
        template: ``file`` renders the chat template inside the file, ``none`` completes the plain text,
            anything else is a Jinja template given by the user.
        template_sha256: Hash of the template text that is rendered, None with ``none`` or before the file was read.
        system_prompt: None sends no system message (a template may then put in one of its own).
        sampling: Samplers, all of them.
        seed: One concrete seed, 0..2^32 − 2, stored so that the answer can be had again.
        max_tokens: Upper bound of tokens in the answer, ≥ 1.
        stops: Strings that end the answer and are not part of it.
    """

    template: str = "file"
    template_sha256: str | None = None
    system_prompt: str | None = None
    sampling: Sampling = field(default_factory=Sampling)
    seed: int = 0
    max_tokens: int = 512
    stops: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfiguration:
    """What a user chooses, tries and takes away: a model file, how it is loaded, how it is asked."""

    model: ModelRef
    load: LoadParameters = field(default_factory=LoadParameters)
    ask: AskParameters = field(default_factory=AskParameters)

    @property
    def identity(self) -> str:
        """SHA-256 of the canonical JSON with every path left out: equal on two machines for the same choice."""
        document = self.to_document()
        document["model"].pop("path")
        for adapter in document["load"]["adapters"]:
            adapter.pop("path")
        canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_document(self) -> dict[str, Any]:
        """The versioned JSON form as plain data."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return {"schema_version": SCHEMA_VERSION, **document}

    @staticmethod
    def from_document(document: object) -> RunConfiguration:
        """Read the versioned JSON form.

        Raises:
            InvalidFileError: Not a run configuration, or one of a newer Garden.
        """
        if not isinstance(document, dict):
            raise InvalidFileError("This is not a run configuration.", "Export it again from a pane.")
        version = document.get("schema_version")
        if version != SCHEMA_VERSION:
            raise InvalidFileError(
                f"This run configuration has version {version}; this Garden reads version {SCHEMA_VERSION}.",
                "Update Garden, or export it again.",
            )
        body = {key: value for key, value in document.items() if key != "schema_version"}
        try:
            return msgspec.convert(body, RunConfiguration)
        except msgspec.ValidationError as error:
            raise InvalidFileError(
                "This is not a run configuration.", "Export it again from a pane.", str(error)
            ) from error

    def with_load(self, **changes: Any) -> RunConfiguration:
        """A copy with some load parameters changed."""
        return dataclasses.replace(self, load=dataclasses.replace(self.load, **changes))

    def with_ask(self, **changes: Any) -> RunConfiguration:
        """A copy with some ask parameters changed."""
        return dataclasses.replace(self, ask=dataclasses.replace(self.ask, **changes))
