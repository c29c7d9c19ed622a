"""One way to run a worker: spawn, typed JSON lines over pipes, a cancel ladder, nothing left behind.

The child is this program again, started as a worker by name. It reads messages from its standard input and writes
messages to a descriptor of its own; what libraries print goes to its log. Closing its input ends it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Any, Generic, TypeVar

import msgspec
import psutil

from garden.core.messages import Cancel, Message
from garden.process.memory_watch import MemoryWatch

OutputT = TypeVar("OutputT", bound=Message)

_log = logging.getLogger(__name__)

#: A line longer than this is a fault of the child, not a message. A full 128k-token prompt stays below it.
MAX_LINE_BYTES = 16 * 1024 * 1024

#: How much of a child's log is kept for "Details".
LOG_TAIL_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a child ended.

    Attributes:
        code: Exit code; negative is the signal that killed it (POSIX).
        cancelled: Whether we asked it to end.
        log: Tail of what it and its libraries printed.
        protocol_error: Why its output could not be read, None when it could.
        fault: What went wrong on our side while a message was handled, None when nothing did.
        memory_ran_out: Whether something says that memory ran out while it lived.
    """

    code: int
    cancelled: bool
    log: str
    protocol_error: str | None = None
    fault: str | None = None
    memory_ran_out: bool = False

    @property
    def sentence(self) -> str:
        """One sentence on how it ended."""
        return self.describe()

    def describe(self, when: str = "") -> str:
        """One sentence on how it ended.

        Args:
            when: What it was doing, e.g. ``while it answered``.
        """
        when = when and f" {when}"
        if self.fault:
            return f"Something unexpected went wrong{when}: a message of the process could not be handled."
        if self.protocol_error:
            return f"The process sent something that is not a message{when}."
        if self.code == -9 and self.memory_ran_out:
            return f"The process was killed{when}, most likely because memory ran out."
        if self.code == -9:
            return f"The process was ended{when} by the system or another program (signal 9)."
        if self.code == -6:
            return f"The engine aborted{when}; the model file or this engine build is at fault."
        if self.code in (-11, -7, -8, -4, 0xC0000005, 0xC000001D):
            return f"The engine crashed{when}; the model file or this engine build is at fault."
        return f"The process ended with code {self.code}{when}."


def worker_command(worker: str) -> list[str]:
    """Command line that starts a worker of this program, also when it is frozen into one executable."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "--worker", worker]
    return [sys.executable, "-m", "garden", "--worker", worker]


def worker_environment() -> dict[str, str]:
    """Environment of a child: no token, no debugger forked by ggml, huge pages, threads that soon sleep.

    Weights in huge pages are read 20 % faster (SmolLM2, one thread: 9.9 instead of 12.3 ms a token) where the kernel
    gives them on request only, as most distributions set it; glibc asks for them when it is told so at the start.

    OpenMP threads spin while they wait for each other, hundreds of times per token, and sleep when that takes too long;
    to wake one takes time, in a virtual machine above all. Measured with two threads on two cores, tokens of SmolLM2 in
    Q4_0 took, spinning for 300, 700, 1,000 turns and for the library's own 300,000: 9.0, 6.6, 5.8 and 5.9 ms on a quiet
    machine, 10.6, 8.6, 7.5 and 6.9 ms beside a program that takes an eighth of a core, as a window that is drawn does,
    17, 21, 27 and 23 ms beside a busy one (medians of three or four answers, each in a process of its own); tokens of a
    model of 1 GB 53, 56, – and 95 ms beside a busy one. Not spinning at all costs more than half on a quiet machine.
    700 turns are nearly as good as more where the machine is the user's, and lose little where it is not.
    """
    environment = {key: value for key, value in os.environ.items() if "TOKEN" not in key.upper()}
    environment["GGML_NO_BACKTRACE"] = "1"
    environment.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")
    if "OMP_WAIT_POLICY" not in environment:
        environment.setdefault("GOMP_SPINCOUNT", "700")
    environment["PYTHONUNBUFFERED"] = "1"
    environment["PYTHONUTF8"] = "1"
    return environment


class Child(Generic[OutputT]):
    """A running worker.

    Args:
        worker: Name of the module in ``garden.workers``.
        output: Union of the messages it may send.
        on_message: Called for each message on the reader thread, in order. If it raises, the child is killed and the
            exit says so: whoever waits for an answer must not wait forever.
        on_exit: Called once on the reader thread after the last message.
        command: Command line in place of this program started as ``worker``.
    """

    def __init__(
        self,
        worker: str,
        output: Any,
        *,
        on_message: Callable[[OutputT], None],
        on_exit: Callable[[Exit], None] | None = None,
        command: Sequence[str] | None = None,
    ) -> None:
        self._decoder = msgspec.json.Decoder(output)
        self._encoder = msgspec.json.Encoder()
        self._on_message = on_message
        self._on_exit = on_exit
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the child was reaped
        self._memory = MemoryWatch()
        self._process = subprocess.Popen(
            command or worker_command(worker),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=worker_environment(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self.worker = worker
        self.pid = self._process.pid
        # Knows when it started, so that a later process of the same number is never signalled.
        self._system_process: psutil.Process | None = None
        with contextlib.suppress(psutil.Error):
            self._system_process = psutil.Process(self.pid)
        self.started_at = time.time()
        self._write_lock = threading.Lock()
        self._cancelled = False
        self._exit: Exit | None = None
        self._ended = threading.Event()
        self._reader = threading.Thread(target=self._read, name=f"child-{worker}-{self.pid}", daemon=True)
        self._reader.start()

    @property
    def running(self) -> bool:
        """Whether it has not been reaped yet."""
        return not self._ended.is_set()

    def send(self, message: Message) -> None:
        """Send one message; a child that has ended is told by ``on_exit``, not here."""
        line = self._encoder.encode(message) + b"\n"
        with self._write_lock, contextlib.suppress(OSError, ValueError):
            assert self._process.stdin is not None
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def wait(self, timeout: float | None = None) -> Exit | None:
        """Block until it was reaped; None when ``timeout`` seconds passed first."""
        self._ended.wait(timeout)
        return self._exit

    def close(self) -> None:
        """Close its input, which asks it to end when it is done with what it has."""
        with self._write_lock, contextlib.suppress(OSError, ValueError):
            assert self._process.stdin is not None
            self._process.stdin.close()

    def stop(self, grace_seconds: float = 3.0) -> None:
        """End it: message, grace, terminate, kill; its own children too. Returns at once; ``wait`` to be sure."""
        self._cancelled = True
        if self.running:
            threading.Thread(
                target=self._stop_ladder, args=(grace_seconds,), name=f"stop-{self.pid}", daemon=True
            ).start()

    def kill(self) -> None:
        """End it now, its own children too."""
        self._cancelled = True
        self._signal_tree("kill")

    def _stop_ladder(self, grace_seconds: float) -> None:
        # A child that does not read blocks whoever writes to it, so asking must not hold the ladder up.
        threading.Thread(target=self._ask_to_end, name=f"ask-{self.pid}", daemon=True).start()
        if not self._ended.wait(grace_seconds):
            self._signal_tree("terminate")
            if not self._ended.wait(1.0):
                self._signal_tree("kill")

    def _ask_to_end(self) -> None:
        self.send(Cancel())
        self.close()

    def _signal_tree(self, method: str) -> None:
        root = self._system_process
        if root is None:
            return
        with contextlib.suppress(psutil.Error):
            for process in [*root.children(recursive=True), root]:
                with contextlib.suppress(psutil.Error):
                    getattr(process, method)()

    def _read(self) -> None:
        protocol_error = fault = None
        try:
            protocol_error = self._read_messages()
        except Exception:
            fault = traceback.format_exc()
            _log.exception("A message of the worker %s could not be handled", self.worker)
        if protocol_error or fault:
            self._signal_tree("kill")
        code = self._process.wait()
        self.close()
        self._exit = Exit(
            code=code,
            cancelled=self._cancelled,
            log=self._log_tail(),
            protocol_error=protocol_error,
            fault=fault,
            memory_ran_out=self._memory.ran_out(),
        )
        self._ended.set()
        if self._on_exit:
            self._on_exit(self._exit)

    def _read_messages(self) -> str | None:
        """Hand on every message until its output ends; why it could not be read to the end, if so."""
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            while line := stream.readline(MAX_LINE_BYTES + 1):
                if not line.endswith(b"\n"):
                    # Killed in the middle of a line is an ordinary end; an endless line is not.
                    return "a line longer than the limit" if len(line) > MAX_LINE_BYTES else None
                try:
                    message = self._decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    return str(error)
                self._memory.look()
                self._on_message(message)
        return None

    def _log_tail(self) -> str:
        with self._log as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - LOG_TAIL_BYTES))
            return log.read().decode("utf-8", "replace")
