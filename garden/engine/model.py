"""A loaded model: the weights and the vocabulary, exactly as a RunConfiguration asks."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from garden.core.errors import CancelledByUser, EngineError, InvalidFileError, NotFoundError, OutOfMemoryError
from garden.core.run_configuration import Adapter, LoadParameters
from garden.engine.imagined_gpus import ImaginedGpus
from garden.engine.library import EngineLibrary
from garden.engine.vocabulary import Vocabulary

#: What ggml and its backends say when an allocation fails.
OUT_OF_MEMORY = re.compile(
    r"(unable|failed) to (alloc|reserve)|insufficient memory|out of memory|bad_alloc", re.IGNORECASE
)


class _TensorPlacement(ctypes.Structure):
    """``struct llama_model_tensor_buft_override``; the package leaves it out."""

    _fields_ = (("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p))


class Model:
    """Weights in memory; a context manager that frees them.

    Args:
        library: The engine.
        path: GGUF file, or the first shard of a set.
        load: How to load it.
        on_progress: Called with 0..1 while the weights are read; False cancels the load.
        plan_only: Allocate nothing and read no weights, so that what a load would take can be asked for.
        imagined: GPUs that take the place of the engine's own; for plans only.
        devices: Names of the devices that layers may move to; by default the engine chooses among all.

    Attributes:
        vocabulary: Its tokens.

    Raises:
        NotFoundError: No such file.
        InvalidFileError: The engine cannot read it.
        CancelledByUser: ``on_progress`` said so.
        OutOfMemoryError: Its weights do not fit.
    """

    def __init__(
        self,
        library: EngineLibrary,
        path: Path,
        load: LoadParameters,
        *,
        on_progress: Callable[[float], bool] | None = None,
        plan_only: bool = False,
        imagined: ImaginedGpus | None = None,
        devices: Sequence[str] = (),
    ) -> None:
        self.library = library
        self._imagined = imagined
        self._adapters: list[tuple[Any, float]] = []
        c = library.c
        parameters = c.llama_model_default_params()
        parameters.n_gpu_layers = load.n_gpu_layers
        # A plan maps nothing: the engine would end the process.
        maps = load.load_mode == "mmap" and not plan_only
        parameters.load_mode = c.LLAMA_LOAD_MODE_MMAP if maps else c.LLAMA_LOAD_MODE_NONE
        parameters.no_alloc = plan_only
        if imagined is not None:
            parameters.devices = imagined.device_list
        parameters.use_extra_bufts = load.repack
        placements = self._placements(load.tensor_placement)
        if placements is not None:
            parameters.tensor_buft_overrides = ctypes.cast(placements, ctypes.c_void_p)
        chosen = (ctypes.c_void_p * (len(devices) + 1))(*map(self._device, devices))
        if devices or load.leaves_gpus_alone:
            # None at all without a layer on one: the engine would compute prompts there whatever lies in RAM, which
            # takes room that a small GPU has not, and end where it finds none.
            parameters.devices = ctypes.cast(chosen, ctypes.c_void_p)
        cancelled = False

        def report(fraction: float, _data: Any) -> bool:
            nonlocal cancelled
            cancelled = on_progress is not None and not on_progress(fraction)
            return not cancelled

        callback = type(parameters.progress_callback)(report)
        parameters.progress_callback = callback
        library.log.take_errors()
        self.pointer: Any = c.llama_model_load_from_file(os.fsencode(path), parameters)
        if not self.pointer:
            raise self._load_error(path, cancelled, library.log.take_errors())
        self.vocabulary = Vocabulary(c, c.llama_model_get_vocab(self.pointer))
        try:
            for adapter in load.adapters:
                self._add_adapter(adapter)
        except BaseException:
            self.close()
            raise

    @property
    def n_layers(self) -> int:
        """Blocks of the model, the output layer not counted."""
        layers: int = self.library.c.llama_model_n_layer(self.pointer)
        return layers

    @property
    def n_placeable_layers(self) -> int:
        """Layers that count for placement: all blocks of the file, drafting ones too, and the output layer."""
        drafting: int = self.library.function("llama_model_n_layer_nextn", ctypes.c_int32, ctypes.c_void_p)(
            self.pointer
        )
        return self.n_layers + drafting + 1

    @property
    def trained_context_length(self) -> int:
        """Tokens it was trained for."""
        length: int = self.library.c.llama_model_n_ctx_train(self.pointer)
        return length

    @property
    def generates_text(self) -> bool:
        """Whether it predicts the next token from the ones before.

        Not so are encoders and translators, diffusion models, and models of embeddings or ranks, which see the whole
        text at once (the engine would end the process).
        """
        c, pointer = self.library.c, self.pointer
        if not c.llama_model_has_decoder(pointer) or c.llama_model_has_encoder(pointer):
            return False
        architecture = self._metadata("general.architecture")
        looks_back_only = self._metadata(f"{architecture}.attention.causal") != "false"
        return looks_back_only and not c.llama_model_is_diffusion(pointer)

    @property
    def chat_template(self) -> str | None:
        """The template inside the file, None for a base model."""
        text = self.library.c.llama_model_chat_template(self.pointer, None)
        return text.decode("utf-8", "replace") if text else None

    def apply_adapters(self, context: Any) -> None:
        """Put the LoRA adapters onto a context."""
        if not self._adapters:
            return
        count = len(self._adapters)
        c = self.library.c
        pointers = (c.llama_adapter_lora_p_ctypes * count)(*(pointer for pointer, _scale in self._adapters))
        scales = (ctypes.c_float * count)(*(scale for _pointer, scale in self._adapters))
        if c.llama_set_adapters_lora(context, pointers, count, scales) != 0:
            raise EngineError("The engine refused the LoRA adapters.", "Check that they were made for this model.")

    def close(self) -> None:
        """Free the weights; may be called twice."""
        if self.pointer:
            # Adapters are freed with their model.
            self.library.c.llama_model_free(self.pointer)
            self.pointer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _metadata(self, key: str) -> str | None:
        """A value of the file's metadata as text; cut after 255 bytes."""
        buffer = ctypes.create_string_buffer(256)
        length = self.library.c.llama_model_meta_val_str(self.pointer, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if length >= 0 else None

    def _placements(self, wanted: tuple[tuple[str, str], ...]) -> Any:
        if not wanted:
            return None
        array = (_TensorPlacement * (len(wanted) + 1))()
        for entry, (pattern, device) in zip(array, wanted, strict=False):
            entry.pattern = pattern.encode()
            entry.buffer_type = self._buffer_type(device)
        return array

    def _buffer_type(self, device: str) -> Any:
        if self._imagined is not None and device in self._imagined.buffer_types:
            return self._imagined.buffer_types[device]
        if device == "CPU":
            return self.library.function("ggml_backend_cpu_buffer_type", ctypes.c_void_p)()
        buffer_type = self.library.function("ggml_backend_dev_buffer_type", ctypes.c_void_p, ctypes.c_void_p)
        return buffer_type(self._device(device))

    def _device(self, name: str) -> int:
        by_name = self.library.function("ggml_backend_dev_by_name", ctypes.c_void_p, ctypes.c_char_p)
        device: int | None = by_name(name.encode())
        if not device:
            raise EngineError(
                f"The engine has no device named {name}.", "Choose CPU or one that `garden engine` lists."
            )
        return device

    def _add_adapter(self, adapter: Adapter) -> None:
        pointer = self.library.c.llama_adapter_lora_init(self.pointer, os.fsencode(adapter.path))
        if not pointer:
            raise InvalidFileError(
                f"The LoRA adapter {Path(adapter.path).name} could not be loaded.",
                "Check that it is a GGUF adapter made for this model.",
                self.library.log.take_errors(),
            )
        self._adapters.append((pointer, adapter.scale))

    @staticmethod
    def _load_error(path: Path, cancelled: bool, log: str) -> Exception:
        if cancelled:
            return CancelledByUser()
        if not path.exists():
            return NotFoundError(f"There is no file {path}.", "Check the path, or fetch the model again.")
        if "unknown model architecture" in log:
            return InvalidFileError(
                f"This engine cannot run {path.name}: it does not know the model's architecture.",
                "A newer Garden may; another model will.",
                log,
            )
        if OUT_OF_MEMORY.search(log):
            return OutOfMemoryError(
                f"There is not enough memory for the weights of {path.name}.",
                "Unload other models, choose a smaller type, or move fewer layers to the GPU.",
                log,
            )
        return InvalidFileError(
            f"{path.name} could not be loaded; it is damaged, or not a model that this engine runs.",
            "Fetch it again, or choose another model.",
            log,
        )
