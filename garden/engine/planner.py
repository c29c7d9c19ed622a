"""Plans of loads: what the engine would hold, asked of the engine itself, without a weight read or a byte allocated."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import msgspec

from garden.core.dry_run import ImaginedGpu, Plan
from garden.core.errors import EngineError, GardenError, InvalidFileError, OutOfMemoryError
from garden.core.run_configuration import LoadParameters
from garden.engine.breakdown import planned_buffers
from garden.engine.context import Context
from garden.engine.imagined_gpus import ImaginedGpus
from garden.engine.library import EngineLibrary
from garden.engine.model import Model

#: What comes before the engine's own words in a line of its log.
_PREFIX = re.compile(r"^.*?(?:error loading model: |failed to initialize the context: |llama_init_from_model: )")
_NESTED = re.compile(r"^(?:error loading model [a-z]+: |[a-z_]+: )+")
_UNKNOWN = re.compile(r"unknown model architecture: '(.*)'")


#: A graph of fewer tokens may come out smaller than that of one token for each sequence: logits and scores weigh more.
_SMALL_BATCH = 64


#: Models kept: a search goes back and forth between a few placements of one file.
_KEPT = 4


class Planner:
    """Plans loads of hollow files. The models planned last stay, so that another context of them costs little.

    Args:
        library: The engine.
    """

    def __init__(self, library: EngineLibrary) -> None:
        self._library = library
        self._offloads = library.offloads_to_gpu()
        # Of one file and one set of GPUs; the one planned last comes last.
        self._models: dict[object, Model] = {}
        self._models_of: object = None
        self._imagined: ImaginedGpus | None = None
        self._imagined_for: tuple[ImaginedGpu, ...] | None = None

    def layers(self, path: Path, load: LoadParameters, gpus: tuple[ImaginedGpu, ...] | None = None) -> int:
        """Layers that can be placed, the output layer counted.

        Raises:
            GardenError: See ``plan``.
        """
        return self._model_for(path, load, gpus).n_placeable_layers

    def plan(self, path: Path, load: LoadParameters, gpus: tuple[ImaginedGpu, ...] | None = None) -> Plan:
        """Plan a load.

        Args:
            path: Hollow file.
            load: How; adapters are left out, since the engine counts none of their buffers.
            gpus: Imagined GPUs in place of the engine's own.

        Raises:
            InvalidFileError: The engine does not load this model; the detail has its own words.
            EngineError: It does not load it so.
            OutOfMemoryError: There was not enough memory to plan with.
        """
        model = self._model_for(path, load, gpus)
        context = self._context(model, load)
        try:
            plan = Plan(
                buffers=planned_buffers(self._library, context.pointer),
                context_length=context.total_length,
                n_gpu_layers=min(load.n_gpu_layers, model.n_placeable_layers) if self._has_gpus(gpus) else 0,
                n_layers=model.n_placeable_layers,
                flash_attention=context.flash_attention,
                generates_text=model.generates_text,
            )
        finally:
            context.close()
        if load.n_sequences > 1 or min(load.n_ubatch, load.n_batch) < _SMALL_BATCH:
            return self._with_one_token_each(plan, model, load)
        return plan

    def _with_one_token_each(self, plan: Plan, model: Model, load: LoadParameters) -> Plan:
        """The plan with compute buffers that also hold one token, and its logits, of every sequence at once.

        A real load makes room for that after it has made room for a micro-batch; in a plan the engine leaves it out.
        """
        count = load.n_sequences
        context = self._context(model, dataclasses.replace(load, n_batch=count, n_ubatch=count))
        try:
            other = {use.buffer: use.compute_bytes for use in planned_buffers(self._library, context.pointer)}
        finally:
            context.close()
        buffers = tuple(
            msgspec.structs.replace(use, compute_bytes=max(use.compute_bytes, other.get(use.buffer, 0)))
            for use in plan.buffers
        )
        return msgspec.structs.replace(plan, buffers=buffers)

    @staticmethod
    def _context(model: Model, load: LoadParameters) -> Context:
        try:
            return Context(model, dataclasses.replace(load, adapters=()))
        except EngineError as error:
            raise _refused_context(error) from error

    def asks_devices(self, gpus: tuple[ImaginedGpu, ...] | None) -> bool:
        """Whether plans with these GPUs ask a driver what it can compute; imagined ones can compute anything."""
        return gpus is None and self._offloads

    def close(self) -> None:
        """Let go of the models."""
        for model in self._models.values():
            model.close()
        self._models = {}

    def _has_gpus(self, gpus: tuple[ImaginedGpu, ...] | None) -> bool:
        return self._offloads if gpus is None else bool(gpus)

    def _model_for(self, path: Path, load: LoadParameters, gpus: tuple[ImaginedGpu, ...] | None) -> Model:
        models_of, key = (_identity(path), gpus), (load.n_gpu_layers, load.tensor_placement, load.repack)
        if models_of != self._models_of:
            self.close()
            self._models_of = models_of
        model = self._models.pop(key, None)
        if model is not None:
            self._models[key] = model
            return model
        if len(self._models) >= _KEPT:
            self._models.pop(next(iter(self._models))).close()
        if gpus is not None and gpus != self._imagined_for:
            self._imagined, self._imagined_for = ImaginedGpus(self._library, gpus), gpus
        imagined = None if gpus is None else self._imagined
        try:
            load = dataclasses.replace(load, adapters=())
            model = Model(self._library, path, load, plan_only=True, imagined=imagined)
        except InvalidFileError as error:
            raise _refused_model(error) from error
        self._models[key] = model
        return model


def _identity(path: Path) -> tuple[str, int, int]:
    try:
        status = path.stat()
    except OSError:
        return (str(path), 0, 0)
    return (str(path), status.st_size, status.st_mtime_ns)


def _refused_model(error: GardenError) -> GardenError:
    words = _engine_words(error.detail)
    if unknown := _UNKNOWN.search(error.detail):
        return InvalidFileError(
            f"The engine does not know the architecture “{unknown[1][:64]}”.",
            "A newer engine may; another model of this size will run.",
            error.detail,
        )
    if not words:
        return InvalidFileError(
            "The engine cannot read the header of this model.", "Choose another file.", error.detail
        )
    return InvalidFileError(f"The engine refuses this model: {words}.", "Choose another file or model.", error.detail)


def _refused_context(error: GardenError) -> GardenError:
    words = _engine_words(error.detail)
    if isinstance(error, OutOfMemoryError) or not words or "flash attention" in error.sentence:
        return error
    return EngineError(f"The engine refuses these settings: {words}.", error.action, error.detail)


def _engine_words(log: str) -> str:
    """The engine's own words on why, without its prefixes; empty when it said nothing of use."""
    for line in reversed(log.splitlines()):
        words, found = _PREFIX.subn("", line.strip())
        if found and "failed to load model" not in words:
            return _NESTED.sub("", words).rstrip(".")[:200]
    return ""
