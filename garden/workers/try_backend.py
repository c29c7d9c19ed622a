"""Child that tries a backend before it is trusted: load, answer, compare. What goes wrong in it stays in it."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

from garden.core.added_backend import SelfTest, same_minor
from garden.core.backend_messages import BackendTested, BackendTestInput, FindLibraries, LibrariesFound, TryBackend
from garden.core.errors import EngineError, GardenError, NotFoundError
from garden.core.messages import BufferUse, Message, Progress
from garden.core.run_configuration import LoadParameters
from garden.engine.greedy import check_agreement, greedy_steps
from garden.engine.library import EngineLibrary
from garden.engine.plug_in import PlugIn, find_libraries, load_plug_in
from garden.engine.probe_model import write_probe_model
from garden.process.scratch_folder import scratch_folder
from garden.process.worker_channel import WorkerChannel, serve_one

#: Long enough for a prompt batch of its own kernels. What comes next is known, so that the most probable token leads by
#: far (SmolLM2: by 1.4 logits at least over 16 tokens) and the text does not hang on rounding.
_PROMPT = (
    "January, February, March, April, May, June, July, August, September, October, November, December. "
    "January, February, March,"
)

#: More layers than any model has.
_ALL_LAYERS = 999

_STEPS = 4


class Trial:
    """One trial.

    Args:
        request: What to try.
        channel: Where progress goes.
    """

    def __init__(self, request: TryBackend, channel: WorkerChannel[BackendTestInput]) -> None:
        self._request = request
        self._channel = channel
        self._done = 0

    def run(self) -> BackendTested:
        """Answer on the CPU, load the backend, answer on it, compare."""
        request, started = self._request, time.monotonic()
        # Alone: what was added earlier must not take part in it.
        library = EngineLibrary(())
        _check_version(request, library.ggml_version())
        with scratch_folder("backend") as scratch:
            path, prompt = self._model(Path(scratch))
            load = LoadParameters(
                context_length=256,
                n_batch=128,
                n_ubatch=128,
                threads=request.threads,
                threads_batch=request.threads,
            )
            self._tell("Answering on the CPU")
            expected = greedy_steps(library, path, load, prompt, request.tokens)
            self._tell("Loading the backend")
            plug_in = load_plug_in(library, Path(request.library))
            devices = _chosen_devices(library, plug_in)
            self._tell(f"Answering on {', '.join(devices)}")
            load = dataclasses.replace(load, n_gpu_layers=_ALL_LAYERS)
            found = greedy_steps(library, path, load, prompt, request.tokens, forced=expected.tokens, devices=devices)
        gap = check_agreement(plug_in.backend, expected, found)
        self._tell("Comparing")
        return BackendTested(
            backend=plug_in.backend,
            engine_version=library.version,
            self_test=SelfTest(
                model=request.model_name if request.model else "a made model of 2.6 million random parameters",
                devices=plug_in.devices,
                tokens=request.tokens,
                same_text=expected.tokens == found.tokens,
                largest_gap=gap,
                device_bytes=_held_on(devices, found.buffers, plug_in.backend),
                seconds=time.monotonic() - started,
                tested_at=time.time(),
            ),
        )

    def _model(self, scratch: Path) -> tuple[Path, list[int] | str]:
        if self._request.model:
            return Path(self._request.model), _PROMPT
        path = scratch / "probe.gguf"
        return path, write_probe_model(path)

    def _tell(self, note: str) -> None:
        self._channel.emit(Progress(done=self._done, total=_STEPS, note=note))
        self._done += 1


def _check_version(request: TryBackend, engine_ggml: str | None) -> None:
    if not same_minor(request.ggml_version, engine_ggml):
        raise EngineError(
            f"This backend was built for ggml {request.ggml_version}, and this engine has ggml "
            f"{engine_ggml or 'of unknown version'}: the two do not go together.",
            "Choose a backend for this version, or build the engine with it.",
        )


def _chosen_devices(library: EngineLibrary, plug_in: PlugIn) -> tuple[str, ...]:
    """Of the backend's devices those that the engine would take: integrated ones only where there is no other."""
    if not plug_in.devices:
        raise NotFoundError(
            f"The {plug_in.backend} backend can be loaded, but finds no device to compute on.",
            "Install the driver of your GPU, or leave the engine as it is.",
            "\n".join(library.log.lines),
        )
    kinds = {device.name: device.kind for device in library.devices()}
    own = tuple(name for name in plug_in.devices if kinds.get(name) == "gpu")
    return own or plug_in.devices


def _held_on(devices: tuple[str, ...], buffers: tuple[BufferUse, ...], backend: str) -> int:
    held = [use for use in buffers if use.name in devices]
    if not any(use.weights_bytes for use in held):
        raise EngineError(
            f"The engine put nothing on the {backend} device, so there is nothing to gain.",
            "Leave the engine as it is.",
            str(buffers),
        )
    return sum(use.weights_bytes + use.context_bytes + use.compute_bytes for use in held)


def _serve(request: BackendTestInput, channel: WorkerChannel[BackendTestInput]) -> Message:
    match request:
        case TryBackend():
            return Trial(request, channel).run()
        case FindLibraries():
            find_libraries(request.title, request.names)
            return LibrariesFound()
    raise GardenError("The trial was asked for something else.")


def main() -> int:
    """Serve one trial."""
    code = serve_one(BackendTestInput, _serve)
    # Not through the interpreter's own end: a driver's threads may still run.
    os._exit(code)
