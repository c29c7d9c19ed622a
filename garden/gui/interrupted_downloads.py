"""Says at the start that downloads were cut short, and offers to go on: nothing is fetched unasked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from garden.core.errors import GardenError
from garden.core.job_record import JobKind, JobRecord
from garden.gui.bridge.event_pump import EventPump
from garden.services.garden import Garden

if TYPE_CHECKING:
    from garden.gui.notice_bar import NoticeBar


def follow_downloads(garden: Garden, pump: EventPump, notices: Callable[[], NoticeBar]) -> None:
    """What a window does once for downloads of earlier: offer to go on, and hear when the network is back.

    Args:
        garden: Services, their databases open.
        pump: Brings the answers; it lives as long as the window.
        notices: Makes the place where something is said.
    """
    from garden.gui.network_watch import NetworkWatch

    NetworkWatch(garden, pump, pump)
    offer_to_resume(garden, pump, notices)


def offer_to_resume(garden: Garden, pump: EventPump, notices: Callable[[], NoticeBar]) -> None:
    """Look for downloads that ended with their process; with none, say nothing.

    Args:
        garden: Services, their databases open.
        pump: Brings the answers.
        notices: Makes the place where it is said, when there is something to say.
    """

    def failed(error: GardenError) -> None:
        notices().say(error.sentence, error.action)

    def found(downloads: Sequence[JobRecord]) -> None:
        if not downloads:
            return
        several = f"{len(downloads)} downloads were interrupted."
        sentence = several if len(downloads) > 1 else f"The download of {downloads[0].title} was interrupted."

        def resume() -> None:
            pump.run(lambda: [garden.activity.resume(download.id) for download in downloads], lambda _: None, failed)

        notices().offer(sentence, "Resume", resume)

    def look() -> Sequence[JobRecord]:
        return [record for record in garden.activity.interrupted() if record.kind is JobKind.DOWNLOAD]

    pump.run(look, found, failed)
