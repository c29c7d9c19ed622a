"""The child's side: cancels are seen, a closed input ends it, rubbish does too."""

from __future__ import annotations

import subprocess

import pytest

from garden.core.messages import Cancel, Failed, Generate, Probe, Progress
from garden.core.run_configuration import AskParameters
from tests.process.running import SOON, Running, command


def test_a_cancel_behind_a_request_is_seen_and_the_next_request_forgets_it() -> None:
    running = Running("waiting")
    for message in (Probe(), Cancel(), Probe()):
        running.child.send(message)
    running.next()
    second = running.progress()
    running.child.close()
    running.ended()

    assert (second.done, second.note) == (1, "False")


def test_a_cancel_means_its_own_request_even_one_that_comes_after_it() -> None:
    running = Running("waiting")
    requests = [Generate(request_id=number, messages=(), ask=AskParameters()) for number in (1, 2, 3)]
    cancelled = []
    for before, request, behind in zip((0, 2, 1), requests, (None, 1, None), strict=True):
        running.child.send(Cancel(request_id=before))
        running.child.send(request)
        if behind is not None:
            running.child.send(Cancel(request_id=behind))
        cancelled.append(running.progress().note)
    running.child.close()
    running.ended()

    assert cancelled == ["False", "True", "False"]


def test_a_closed_input_cancels_and_ends() -> None:
    running = Running("waiting")
    running.child.close()

    assert running.progress() == Progress(done=1, note="closed")
    assert running.ended().code == 0


def test_a_parent_that_hears_no_more_cancels_also_while_the_input_is_open() -> None:
    with subprocess.Popen(
        command("chatty"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdin is not None and child.stdout is not None and child.stderr is not None
        child.stdin.write(b'{"type":"Probe"}\n')
        child.stdin.flush()
        child.stdout.readline()
        child.stdout.close()

        assert child.wait(SOON) == 0
        assert child.stderr.read() == b"cleared away\n"


@pytest.mark.parametrize("rubbish", [b"no JSON\n", b'{"type":"Unknown"}\n', b'{"type":"Probe"', b"\xff\xfe\n"])
def test_rubbish_ends_it_instead_of_hanging(rubbish: bytes) -> None:
    result = subprocess.run(command("waiting"), input=rubbish, capture_output=True, timeout=SOON, check=True)

    assert b'"note":"closed"' in result.stdout


@pytest.mark.parametrize(
    ("behaviour", "kind", "sentence"),
    [
        ("failing", "NotFoundError", "It is not there."),
        ("raising", "GardenError", "Something unexpected went wrong: ZeroDivisionError."),
    ],
)
def test_an_error_becomes_a_message(behaviour: str, kind: str, sentence: str) -> None:
    running = Running(behaviour)
    running.child.send(Probe())
    failed = running.next()

    assert isinstance(failed, Failed)
    assert (failed.kind, failed.sentence) == (kind, sentence)
    assert failed.action
    assert failed.detail
