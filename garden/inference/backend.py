"""What answers: a local child, later any server. One protocol, so that a pane does not know which."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from garden.core.conversation import ChatMessage
from garden.core.messages import Delta, Generated, ModelLoaded, PromptRead, PromptRendered
from garden.core.run_configuration import AskParameters, RunConfiguration

#: What is told while an answer is made.
GenerationEvent = PromptRendered | PromptRead | Delta


class Backend(Protocol):
    """Loads one model and answers with it. ``cancel`` and ``close`` may be called from any thread."""

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""

    @property
    def pid(self) -> int | None:
        """Process that holds the model, None when there is none here."""

    @property
    def loaded(self) -> ModelLoaded | None:
        """What the engine made of the configuration, None before it was loaded."""

    def load(
        self,
        configuration: RunConfiguration,
        on_progress: Callable[[float], None] | None = None,
        *,
        cancelled: threading.Event | None = None,
    ) -> ModelLoaded:
        """Load a model; blocks.

        Args:
            configuration: Loaded verbatim.
            on_progress: Called with 0..1 on a thread of the backend.
            cancelled: Set, before ``cancel`` or ``close`` is called, by whoever does not want it any more.

        Raises:
            GardenError: It could not be loaded; nothing is left behind.
        """

    def generate(
        self,
        messages: Sequence[ChatMessage],
        ask: AskParameters,
        on_event: Callable[[GenerationEvent], None],
        *,
        ignore_eos: bool = False,
        cancelled: threading.Event | None = None,
    ) -> Generated:
        """Answer; blocks.

        Args:
            messages: The chat so far.
            ask: Template, samplers, seed, bounds.
            on_event: Called in order on a thread of the backend.
            ignore_eos: Go on past the end token.
            cancelled: Set, before ``cancel`` is called, by whoever does not want it any more: a cancel that comes
                before the request is not lost then.

        Raises:
            CancelledByUser: ``cancelled`` was set before it was asked.
            GardenError: This answer failed; the model stays loaded.
            WorkerDiedError: The process is gone.
        """

    def cancel(self) -> None:
        """Stop the answer under way; ``generate`` returns what there is."""

    def close(self) -> None:
        """Unload; the memory is free when the process has ended."""
