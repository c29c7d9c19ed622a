"""A second start raises the window that is open already instead of opening another one."""

from __future__ import annotations

import os

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtNetwork import QLocalServer, QLocalSocket
from PySide6.QtWidgets import QApplication, QWidget

#: What a desktop gives a program that the user has started, so that its window may come to the front.
_TOKEN = "XDG_ACTIVATION_TOKEN"

_RAISE = b"raise "
_RAISED = b"raised\n"

#: A window that does not answer for so long hangs; the user gets another one.
_PATIENCE_MS = 3_000

#: A local connection stands at once, or not at all.
_CONNECT_MS = 200


def raise_open_window(address: str) -> bool:
    """Ask the window at an address to come to the front.

    Args:
        address: As ``window_address`` says.

    Returns:
        Whether it did; False when there is none, or none that answers.
    """
    socket = QLocalSocket()
    socket.connectToServer(address)
    if not socket.waitForConnected(_PATIENCE_MS):
        return False
    socket.write(_RAISE + os.environ.get(_TOKEN, "").encode() + b"\n")
    while not socket.canReadLine():
        if not socket.waitForReadyRead(_PATIENCE_MS):
            return False
    return bytes(socket.readLine().data()) == _RAISED


class SecondStarts(QObject):
    """Hears of second starts and raises the window.

    Args:
        window: What to raise.
        address: As ``window_address`` says.
    """

    def __init__(self, window: QWidget, address: str) -> None:
        super().__init__(window)
        self._window = window
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_connection)
        if not self._server.listen(address) and not _answers(address):
            # What a Garden that was killed has left.
            QLocalServer.removeServer(address)
            self._server.listen(address)

    @Slot()
    def close(self) -> None:
        """Hear no more."""
        self._server.close()

    @Slot()
    def _on_connection(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.disconnected.connect(socket.deleteLater)
            socket.readyRead.connect(self._on_asked)
            if socket.canReadLine():
                self._answer(socket)

    @Slot()
    def _on_asked(self) -> None:
        socket = self.sender()
        if isinstance(socket, QLocalSocket) and socket.canReadLine():
            self._answer(socket)

    def _answer(self, socket: QLocalSocket) -> None:
        line = bytes(socket.readLine().data())
        if not line.startswith(_RAISE):
            return
        token = line.removeprefix(_RAISE).strip().decode("utf-8", "replace")
        if token:
            # Qt takes it from there when it asks the desktop for the front.
            os.environ[_TOKEN] = token
        self._raise()
        socket.write(_RAISED)
        socket.flush()

    def _raise(self) -> None:
        window = self._window
        window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
        window.show()
        window.raise_()
        window.activateWindow()
        # Where a desktop lets no window come to the front by itself, the task bar tells of it.
        QApplication.alert(window)


def _answers(address: str) -> bool:
    socket = QLocalSocket()
    socket.connectToServer(address)
    return socket.waitForConnected(_CONNECT_MS)
