"""Questions about repositories that are asked of the Hub, and answered offline as they were before."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from garden.core.errors import GardenError, HubUnreachableError

if TYPE_CHECKING:
    from garden.services.settings import SettingsService
    from garden.store.summaries import Summaries

T = TypeVar("T")


class AnswersSeen:
    """Keeps answers.

    Args:
        settings: The offline switch, and which Hub is asked.
        summaries: What is kept of Hubs, opened when it is first needed.
    """

    def __init__(self, settings: SettingsService, summaries: Callable[[], Summaries]) -> None:
        self._settings = settings
        self._summaries = summaries

    def ask(
        self, repo_id: str, question: str, kind: type[T], ask: Callable[[], T], is_private: Callable[[T], bool]
    ) -> T:
        """The Hub's answer; offline, what it was.

        Args:
            repo_id: What it is about.
            question: What is asked, in a word.
            kind: What an answer is.
            ask: Asks the Hub.
            is_private: Whether an answer is for the account alone that asked, so that it is not kept.

        Raises:
            HubUnreachableError: Offline, and never answered.
            GardenError: The Hub gave no answer.
        """
        endpoint, answers = self._settings.endpoint, self._summaries().answers
        if self._settings.offline:
            seen = answers.get(endpoint, repo_id, question, kind)
            if seen is None:
                raise never_seen(self._settings)
            return seen
        found = ask()
        if self._settings.endpoint == endpoint and not is_private(found):
            # What cannot be kept is asked for again.
            with contextlib.suppress(GardenError):
                answers.put(endpoint, repo_id, question, found)
        return found


def never_seen(settings: SettingsService) -> HubUnreachableError:
    """The error of what is asked for offline and was not seen before."""
    return HubUnreachableError("Garden works offline, and this was not looked at before.", settings.way_online)
