"""Loading: exactly what was asked for, and one sentence for what cannot be loaded."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from garden.core.errors import (
    CancelledByUser,
    EngineError,
    GardenError,
    InvalidFileError,
    NotFoundError,
    OutOfMemoryError,
)
from garden.core.run_configuration import Adapter, LoadParameters
from garden.engine.context import Context
from garden.engine.library import EngineLibrary
from garden.engine.model import Model
from garden.process.memory_limit import growth_limited
from tests.engine.loading import greedy, load_parameters
from tests.tiny_families import write_adapter
from tests.tiny_models import CHAT_TEMPLATE, write_tiny_model

pytestmark = pytest.mark.engine


def test_it_knows_its_shape_and_its_template(engine: EngineLibrary, tiny_model: Path) -> None:
    with Model(engine, tiny_model, load_parameters()) as model:
        assert (model.n_layers, model.trained_context_length) == (2, 2_048)
        assert model.chat_template == CHAT_TEMPLATE
        assert model.generates_text


def test_a_base_model_has_no_template(engine: EngineLibrary, base_model: Path) -> None:
    with Model(engine, base_model, load_parameters()) as model:
        assert model.chat_template is None


def test_loading_tells_how_far_it_is(engine: EngineLibrary, tiny_model: Path) -> None:
    told: list[float] = []

    def on_progress(fraction: float) -> bool:
        told.append(fraction)
        return True

    with Model(engine, tiny_model, load_parameters(), on_progress=on_progress):
        assert told == sorted(told)
        assert told[-1] == 1


def test_loading_can_be_cancelled(engine: EngineLibrary, tiny_model: Path) -> None:
    with pytest.raises(CancelledByUser):
        Model(engine, tiny_model, load_parameters(), on_progress=lambda fraction: False)


def test_mapping_gives_the_same_answer(engine: EngineLibrary, tiny_model: Path) -> None:
    assert greedy(engine, tiny_model, load_mode="mmap") == greedy(engine, tiny_model, load_mode="none")


def test_an_adapter_changes_the_answer_and_its_scale_counts(
    engine: EngineLibrary, tiny_model: Path, tmp_path: Path
) -> None:
    path = str(write_adapter(tmp_path / "adapter.gguf"))
    plain = greedy(engine, tiny_model)

    assert greedy(engine, tiny_model, adapters=(Adapter(path=path),)) != plain
    assert greedy(engine, tiny_model, adapters=(Adapter(path=path, scale=0.0),)) == plain


def test_an_adapter_of_another_model_is_one_sentence(engine: EngineLibrary, tiny_model: Path, base_model: Path) -> None:
    with pytest.raises(InvalidFileError, match=r"The LoRA adapter .* could not be loaded\."):
        Model(engine, tiny_model, load_parameters(adapters=(Adapter(path=str(base_model)),)))


def test_tensors_can_be_kept_on_the_processor(engine: EngineLibrary, tiny_model: Path) -> None:
    placed = greedy(engine, tiny_model, tensor_placement=((r"\.ffn_(up|down|gate)\.", "CPU"),))

    assert placed == greedy(engine, tiny_model)


@pytest.mark.parametrize("repack", [True, False])
def test_rearranging_weights_is_as_asked(engine: EngineLibrary, tiny_model: Path, tmp_path: Path, repack: bool) -> None:
    path = tmp_path / "q4_0.gguf"
    settings = engine.c.llama_model_quantize_default_params()
    settings.ftype = engine.c.LLAMA_FTYPE_MOSTLY_Q4_0
    assert engine.c.llama_model_quantize(bytes(tiny_model), bytes(path), settings) == 0
    load = load_parameters(repack=repack)
    with Model(engine, path, load) as model:
        context = Context(model, load)
        names = {use.name for use in context.buffers()}
        context.close()

    if platform.machine() not in ("x86_64", "AMD64", "arm64", "aarch64"):
        pytest.skip("this processor has no kernels for rearranged weights")
    assert any("REPACK" in name for name in names) == repack


def test_an_unknown_device_is_one_sentence(engine: EngineLibrary, tiny_model: Path) -> None:
    with pytest.raises(EngineError, match="no device named CUDA7"):
        Model(engine, tiny_model, load_parameters(tensor_placement=((".*", "CUDA7"),)))


def test_a_missing_file_is_named(engine: EngineLibrary, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no file"):
        Model(engine, tmp_path / "none.gguf", load_parameters())


def test_an_unknown_architecture_is_named_as_such(engine: EngineLibrary, tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "model.gguf", architecture="perceptron")

    with pytest.raises(InvalidFileError, match="does not know the model's architecture"):
        Model(engine, path, load_parameters())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps the limit that makes memory run out here")
def test_a_context_beyond_the_memory_is_one_sentence(engine: EngineLibrary, tiny_model: Path) -> None:
    load = load_parameters(context_length=2_000_000)
    with (
        Model(engine, tiny_model, load) as model,
        growth_limited(512 * 1024**2),
        pytest.raises(OutOfMemoryError, match="2,000,000 tokens") as caught,
    ):
        Context(model, load)

    assert caught.value.action


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps the limit that makes memory run out here")
def test_weights_beyond_the_memory_are_one_sentence(engine: EngineLibrary, tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "model.gguf", blocks=64)

    # In a process of its own: what earlier tests freed would be taken before the limit is met.
    done = subprocess.run(
        [sys.executable, "-c", _LOAD_WITHIN, str(path)], check=False, capture_output=True, text=True, timeout=60
    )

    assert (done.stdout, done.returncode) == (f"{OutOfMemoryError.__name__}\n", 0), done.stderr


_LOAD_WITHIN = """
import sys
from pathlib import Path
from garden.core.errors import OutOfMemoryError
from garden.engine.library import EngineLibrary
from garden.engine.model import Model
from garden.process.memory_limit import growth_limited
from tests.engine.loading import load_parameters
engine = EngineLibrary()
try:
    with growth_limited(16 * 1024**2):
        Model(engine, Path(sys.argv[1]), load_parameters())
except OutOfMemoryError as error:
    assert "weights of model.gguf" in str(error), error
    print(type(error).__name__)
"""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type_v": "q8_0", "flash_attention": "off"}, "needs flash attention"),
        ({"type_k": "q3_K"}, "no cache type"),
        ({"n_batch": 0}, "n_batch is 0"),
        ({"threads": -1}, "threads is -1"),
        ({"context_length": 0}, "context_length is 0"),
        ({"context_length": 2**31 - 1}, "must lie between 1 and 16,777,216"),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_a_sentence(
    engine: EngineLibrary, tiny_model: Path, change: dict[str, object], words: str
) -> None:
    load = load_parameters(**change)
    with Model(engine, tiny_model, load) as model, pytest.raises(GardenError, match=words) as caught:
        Context(model, load)

    assert caught.value.action


def test_flash_attention_is_reported_as_the_engine_set_it(engine: EngineLibrary, tiny_model: Path) -> None:
    def resolved(load: LoadParameters) -> bool:
        with Model(engine, tiny_model, load) as model:
            context = Context(model, load)
            context.close()
            return context.flash_attention

    assert [resolved(load_parameters(flash_attention=word)) for word in ("off", "on", "auto")] == [False, True, True]
