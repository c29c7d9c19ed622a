"""Hears of the system that the network is back, so that what waits for it goes on at once."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot
from PySide6.QtNetwork import QNetworkInformation

from garden.gui.bridge.event_pump import EventPump
from garden.services.garden import Garden


class NetworkWatch(QObject):
    """Follows the system's own word on the network; where it has none, the queue's waiting times do alone.

    Args:
        garden: Services, their databases open.
        pump: Takes the call off the Qt thread.
        parent: Qt parent.
    """

    def __init__(self, garden: Garden, pump: EventPump, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._garden = garden
        self._pump = pump
        if QNetworkInformation.loadBackendByFeatures(QNetworkInformation.Feature.Reachability):
            QNetworkInformation.instance().reachabilityChanged.connect(self.on_reachability_changed)

    @Slot(QNetworkInformation.Reachability)
    def on_reachability_changed(self, reachability: QNetworkInformation.Reachability) -> None:
        """Try again what waits for the network, unless the network has just gone."""
        if reachability is not QNetworkInformation.Reachability.Disconnected:
            self._pump.do(self._garden.activity.network_is_back, lambda _error: None)
