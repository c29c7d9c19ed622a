from __future__ import annotations

from PySide6.QtNetwork import QNetworkInformation
from pytestqt.qtbot import QtBot

from garden.core.errors import NetworkAwayError
from garden.core.job_record import JobKind
from garden.gui.bridge.event_pump import EventPump
from garden.gui.network_watch import NetworkWatch
from garden.jobs.job_context import JobContext
from garden.services.garden import Garden


def test_what_waits_for_the_network_goes_on_when_the_system_says_that_it_is_back(qtbot: QtBot, garden: Garden) -> None:
    there: list[bool] = []

    def work(_context: JobContext) -> None:
        if not there:
            raise NetworkAwayError("No network.")

    pump = EventPump(garden.bus)
    watch = NetworkWatch(garden, pump, pump)
    garden.activity.be_patient()
    handle = garden.activity.submit(JobKind.DOWNLOAD, "a", "", work, resumable=True, target="a")
    qtbot.waitUntil(lambda: any(record.due_at is not None for record in garden.activity.own_jobs()))

    watch.on_reachability_changed(QNetworkInformation.Reachability.Disconnected)
    there.append(True)
    assert not handle.done
    watch.on_reachability_changed(QNetworkInformation.Reachability.Online)

    # Long before the five seconds of its own waiting time.
    qtbot.waitUntil(lambda: handle.done, timeout=3_000)
    assert handle.error is None
    pump.close()
