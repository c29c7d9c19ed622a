"""States of Discover that a token is about: a publisher who asks first, a token that is not accepted, nobody there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from garden.core.errors import GatedError, TokenRefusedError, UnauthorizedError

if TYPE_CHECKING:
    from garden.core.catalog import ModelSummary
    from garden.core.errors import GardenError
    from garden.gui.widgets.state_view import StateView

_TERMS = {
    "auto": "wants your name and consent to its terms; who agrees is let in at once.",
    "manual": "wants your name and consent to its terms, and looks at each request: an answer may take days.",
}


def show_gated(
    state: StateView,
    summary: ModelSummary,
    problem: GatedError,
    *,
    ask: Callable[[], None],
    sign_in: Callable[[], None],
    again: Callable[[], None],
) -> None:
    """Say why its files cannot be read, where to ask, and how to sign in.

    Args:
        state: Where it is said.
        summary: The repository.
        problem: What the Hub answered.
        ask: Opens the repository's page.
        sign_in: Leads to where a token is set.
        again: Reads the files again.
    """
    terms = _TERMS.get(summary.consent or "", "wants your consent to its terms.")
    if problem.with_token:
        state.show_state(
            "lock",
            "The publisher asks you to agree first",
            f"{summary.repo_id} {terms} Ask on its page with the account that is signed in here, then come back.",
            actions=(("Ask for access", "primary", "external", ask), ("Try again", "default", "retry", again)),
        )
    else:
        state.show_state(
            "lock",
            "The publisher asks you to agree first",
            f"{summary.repo_id} {terms} Ask on its page, and sign in here with a token of the same account.",
            actions=(("Ask for access", "primary", "external", ask), ("Sign in", "default", "user", sign_in)),
        )


def show_unauthorized(
    state: StateView,
    problem: GardenError,
    *,
    sign_in: Callable[[], None],
    without: Callable[[], None],
) -> bool:
    """Say that a token is missing or not accepted; whether the problem is one of these.

    Args:
        state: Where it is said.
        problem: What went wrong.
        sign_in: Leads to where a token is set.
        without: Goes on without a token.
    """
    if isinstance(problem, TokenRefusedError):
        state.show_state(
            "user",
            "Sign in again",
            f"{problem.sentence} What is open to all needs none.",
            mood="warning",
            actions=(
                ("Sign in again", "primary", "user", sign_in),
                ("Browse without it", "default", None, without),
            ),
        )
        return True
    if isinstance(problem, UnauthorizedError):
        state.show_state(
            "user", problem.sentence.rstrip("."), problem.action, actions=(("Sign in", "primary", "user", sign_in),)
        )
        return True
    return False
