"""Before a model is loaded; what happens after is told by the tests of the generate worker."""

from __future__ import annotations

import pytest

from garden.core.conversation import ChatMessage
from garden.core.errors import RefusedError, WorkerDiedError
from garden.core.run_configuration import AskParameters
from garden.inference.backend import Backend
from garden.inference.local_backend import MAX_CHAT_CHARACTERS, LocalBackend


def test_without_a_model_it_says_so_and_can_be_closed() -> None:
    backend: Backend = LocalBackend()
    backend.cancel()
    backend.close()

    assert (backend.alive, backend.pid, backend.loaded) == (False, None, None)
    with pytest.raises(WorkerDiedError, match="No model is loaded"):
        backend.generate((), AskParameters(), lambda event: None)


def test_a_conversation_beyond_the_pipes_is_refused() -> None:
    endless = ChatMessage(role="user", content="x" * (MAX_CHAT_CHARACTERS + 1))

    with pytest.raises(RefusedError, match="longer than any model can read"):
        LocalBackend().generate((endless,), AskParameters(), lambda event: None)
