"""Children that behave, misbehave and die: ``python -m tests.process.stub_worker BEHAVIOUR``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

from garden.core.errors import NotFoundError
from garden.core.hardware_snapshot import Engine
from garden.core.messages import Cancel, Generate, LoadModel, Probe, Probed, Progress
from garden.process.worker_channel import WorkerChannel, harden, serve_one

FOREVER = 600


def _channel() -> WorkerChannel[Probe]:
    return WorkerChannel(Probe | Cancel)


def polite() -> int:
    """Serve one request, with progress, then wait for a cancel."""

    def handle(request: Probe, channel: WorkerChannel[Probe]) -> Progress:
        channel.emit(Progress(done=1, total=2))
        channel.cancelled.wait(FOREVER)
        return Progress(done=2, total=2, note="cancelled")

    return serve_one(Probe | Cancel, handle)


def answering() -> int:
    """Serve one request at once; print where libraries print."""

    def handle(request: Probe, channel: WorkerChannel[Probe]) -> Progress:
        print("a library prints", flush=True)  # noqa: T201 - that is the point
        os.write(1, b"C code prints\n")
        return Progress(done=1)

    return serve_one(Probe | Cancel, handle)


def probing() -> int:
    """Answer with a typed result."""
    return serve_one(Probe | Cancel, lambda request, channel: Probed(gpus=(), engine=Engine(installed=False)))


def failing() -> int:
    """Report an error that a user should hear."""

    def handle(request: Probe, channel: WorkerChannel[Probe]) -> Progress:
        raise NotFoundError("It is not there.", "Look elsewhere.", "detail")

    return serve_one(Probe | Cancel, handle)


def raising() -> int:
    """Fail in a way that nobody foresaw."""

    def handle(request: Probe, channel: WorkerChannel[Probe]) -> Progress:
        raise ZeroDivisionError

    return serve_one(Probe | Cancel, handle)


def chatty() -> int:
    """Tell of progress until nobody hears; a cancel is written into the log."""

    def clear_away() -> None:
        os.write(2, b"cleared away\n")

    channel = WorkerChannel[Probe](Probe | Cancel, clear_away)
    channel.receive()
    while True:
        channel.emit(Progress(done=1))


def deaf() -> int:
    """Ignore a cancel, and the terminate signal where there is one."""
    channel = _channel()
    if os.name == "posix":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    channel.emit(Progress(done=1))
    time.sleep(FOREVER)
    return 0


def stubborn_family() -> int:
    """Start a grandchild and wait; its process id is the progress."""
    channel = _channel()
    grandchild = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({FOREVER})"])
    channel.emit(Progress(done=grandchild.pid))
    time.sleep(FOREVER)
    return 0


def not_reading() -> int:
    """Read nothing, so that the pipe to it fills up."""
    sys.stdout.buffer.write(b'{"type":"Progress","done":1}\n')
    sys.stdout.flush()
    time.sleep(FOREVER)
    return 0


def babbling() -> int:
    """Send what is not a message."""
    sys.stdout.write("Hello, I am no JSON\n")
    sys.stdout.flush()
    time.sleep(FOREVER)
    return 0


def endless_line() -> int:
    """Send a line that never ends."""
    while True:
        sys.stdout.write("x" * 1_000_000)


def half_message() -> int:
    """Die in the middle of a message."""
    sys.stdout.write('{"type":"Progress","do')
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def crashing() -> int:
    """Die as C code dies."""
    harden()
    sys.stderr.write("GGML_ASSERT(false) failed\n")
    sys.stderr.flush()
    os.abort()


def waiting() -> int:
    """Wait for requests; tell how often a cancel came and that the input closed."""
    cancels: list[float] = []
    channel: WorkerChannel[LoadModel | Probe | Generate] = WorkerChannel(
        LoadModel | Probe | Generate | Cancel, lambda: cancels.append(time.monotonic())
    )
    while channel.receive() is not None:
        channel.emit(Progress(done=len(cancels), note=str(channel.cancelled.is_set())))
    channel.emit(Progress(done=len(cancels), note="closed"))
    return 0 if channel.closed.is_set() and threading.active_count() >= 1 else 1


if __name__ == "__main__":
    sys.exit(globals()[sys.argv[1]]())
