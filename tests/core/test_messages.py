"""Messages survive the pipe; what is none of them is refused."""

from __future__ import annotations

import msgspec
import pytest

from garden.core.conversation import ChatMessage, FinishReason, GenerationMetrics
from garden.core.messages import (
    BufferUse,
    Cancel,
    Delta,
    Failed,
    Generate,
    Generated,
    GenerateInput,
    GenerateOutput,
    GenerationFailed,
    LoadModel,
    Message,
    ModelLoaded,
    Progress,
    PromptRead,
    PromptRendered,
)
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import AskParameters, RunConfiguration

CONFIGURATION = RunConfiguration(model=ModelRef(name="tiny", filenames=("tiny.gguf",)))
LOADED = ModelLoaded(
    configuration=CONFIGURATION,
    buffers=(
        BufferUse(name="CPU", weights_bytes=5_000_000_000, context_bytes=2, compute_bytes=3),
        BufferUse(name="CUDA0", weights_bytes=10, context_bytes=20, compute_bytes=30),
    ),
    kv_cache_bytes=22,
    load_seconds=0.5,
    resident_bytes=7,
    vocab_size=288,
    has_template=True,
    engine_version="0.3.36",
)


@pytest.mark.parametrize(
    "message",
    [
        LoadModel(configuration=CONFIGURATION),
        Generate(request_id=1, messages=(ChatMessage(role="user", content="„Hi“\n\0🌱"),), ask=AskParameters()),
        Cancel(),
    ],
)
def test_what_is_sent_to_a_model_arrives(message: Message) -> None:
    line = msgspec.json.encode(message)

    assert b"\n" not in line
    assert msgspec.json.decode(line, type=GenerateInput) == message


@pytest.mark.parametrize(
    "message",
    [
        LOADED,
        Progress(done=1, total=None),
        PromptRendered(request_id=1, text="<|im_start|>", token_ids=(1, 2), reused_tokens=1),
        PromptRead(request_id=1, done=512, total=1_024),
        Delta(request_id=1, text="\u2028", token_ids=(7,)),
        Generated(request_id=1, text="", token_ids=(), finish_reason=FinishReason.CONTEXT, metrics=GenerationMetrics()),
        GenerationFailed(request_id=1, sentence="It failed."),
        Failed(kind="GardenError", sentence="It failed."),
    ],
)
def test_what_a_model_says_arrives(message: Message) -> None:
    line = msgspec.json.encode(message)

    assert b"\n" not in line
    assert msgspec.json.decode(line, type=GenerateOutput) == message


@pytest.mark.parametrize(
    "line", [b"{}", b'{"type":"Quantize"}', b'{"type":"Delta","request_id":"one"}', b"[1]", b"null"]
)
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(line, type=GenerateOutput)


def test_a_loaded_model_sums_up_its_buffers() -> None:
    assert LOADED.buffers_bytes == 5_000_000_000 + 2 + 3 + 10 + 20 + 30
