"""Values that the tests of the store put in."""

from __future__ import annotations

from garden.core.conversation import Answer, Conversation, FinishReason, GenerationMetrics, Mode, Turn
from garden.core.model_ref import ModelRef
from garden.core.run_configuration import RunConfiguration


def ref(name: str = "tiny", **fields: object) -> ModelRef:
    base: dict[str, object] = {"filenames": (f"{name}.gguf",), "path": f"/models/{name}.gguf", "size_bytes": 7}
    return ModelRef(name=name, **{**base, **fields})  # type: ignore[arg-type]  # named by the tests


def configuration(name: str = "tiny") -> RunConfiguration:
    return RunConfiguration(model=ref(name))


def answer(pane: str = "A", text: str = "Because.", name: str = "tiny") -> Answer:
    return Answer(
        pane=pane,
        configuration=configuration(name),
        text=text,
        token_ids=(1, 2, 3),
        finish_reason=FinishReason.STOP,
        metrics=GenerationMetrics(completion_tokens=3, decode_tokens_per_second=81.5),
        rendered_prompt="<|im_start|>user\nWhy?",
    )


def conversation(identifier: str = "c1", *, prompt: str = "Why?", updated_at: float = 2.0) -> Conversation:
    panes = (("A", configuration("one")), ("B", configuration("two")))
    turn = Turn(prompt=prompt, answers=(answer("A"), answer("B", "Since.")), order="BA", asked_at=1.5, standalone=True)
    return Conversation(
        id=identifier,
        title=prompt,
        mode=Mode.RELAY,
        panes=panes,
        turns=(turn,),
        created_at=1.0,
        updated_at=updated_at,
    )
