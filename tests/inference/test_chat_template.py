"""Chat templates: what publishers write works, what attackers write stops in a sentence."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from garden.core.conversation import ChatMessage
from garden.core.errors import GardenError, InvalidFileError, RefusedError
from garden.inference.chat_template import ChatTemplate, template_sha256
from garden.inference.template_sandbox import HARD_LIMIT_SECONDS
from tests.tiny_models import CHAT_TEMPLATE, ENDLESS_TEMPLATE

USER = ChatMessage(role="user", content="Hello <b>&")
SYSTEM = ChatMessage(role="system", content="Be brief.")


def render(source: str, *messages: ChatMessage) -> str:
    return ChatTemplate(source, bos="<s>", eos="</s>").render(messages or (USER,))


def test_chatml() -> None:
    assert render(CHAT_TEMPLATE, SYSTEM, USER) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello <b>&<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ bos_token }}{{ messages[0]['content'] }}{{ eos_token }}", "<s>Hello <b>&</s>"),
        ("{% if tools is defined %}tools{% endif %}none", "none"),
        ("{% if tools %}tools{% endif %}none", "none"),
        ("{{ messages | tojson }}", '[{"role": "user", "content": "Hello <b>&"}]'),
        ("{{ {'b': 1, 'a': 'ü'} | tojson(indent=1, sort_keys=true) }}", '{\n "a": "ü",\n "b": 1\n}'),
        ("{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}", "Hello <b>&"),
        ("{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "01"),
        ("{% set ns = namespace(x=1) %}{% for m in messages %}{% set ns.x = 2 %}{% endfor %}{{ ns.x }}", "2"),
        ("  {% if true %}\n  x\n  {% endif %}\ny", "  x\ny"),
        ("{{ strftime_now('%Y')[:2] }}", "20"),
        ("{{ '=' * 5 }}{{ 2 ** 10 }}{{ [1, 2] * 2 }}", "=====1024[1, 2, 1, 2]"),
    ],
)
def test_what_publishers_write(source: str, text: str) -> None:
    assert render(source) == text


def test_a_refused_system_message_goes_in_front_of_the_first_prompt() -> None:
    gemma = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    )

    assert render(gemma, SYSTEM, USER) == "[user]Be brief.\n\nHello <b>&"


def test_a_refusal_is_told_in_its_own_words() -> None:
    with pytest.raises(RefusedError, match=r"refuses the conversation: Roles must alternate\.") as caught:
        render("{{ raise_exception('Roles must alternate.') }}", USER)

    assert caught.value.action


@pytest.mark.parametrize(
    "source", ["{% if %}", "{{ 'unclosed", "{% for x in y %}", "{" * 5000 + "{%", "{{ " + "9" * 5000 + " }}"]
)
def test_what_does_not_parse_is_one_sentence(source: str) -> None:
    with pytest.raises(InvalidFileError, match=r"does not parse\.") as caught:
        render(source)

    assert caught.value.action


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__init__.__globals__ }}",
        "{{ raise_exception.__globals__['os'].system('true') }}",
        "{{ strftime_now.__self__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ self.__init__ }}",
        "{{ '{0.__class__}'.format(messages) }}",
        "{{ ('%s' | format(messages.append)).__call__.__func__ }}",
        "{{ messages.append('x') }}",
        "{{ messages[0].update({'role': 'x'}) }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}{{ os }}",
        "{{ messages | attr('__class__') | attr('__mro__') }}",
    ],
)
def test_there_is_no_way_out(source: str) -> None:
    try:
        text = render(source)
    except GardenError:
        return
    assert text.strip() in ("", "{}") or "class" not in text


@pytest.mark.parametrize(
    "source",
    [
        "{{ 9 ** (9 ** 9) }}",
        "{% set ns = namespace(n=7) %}{% for i in range(99) %}{% set ns.n = ns.n * ns.n %}{% endfor %}",
        "{{ 'x' * 999999999 }}",
        "{{ 999999999 * 'x' }}",
        "{{ [0] * 999999999 }}",
    ],
)
def test_numbers_and_texts_that_grow_too_large_are_refused_at_once(source: str) -> None:
    started = time.monotonic()
    with pytest.raises(GardenError):
        render(source)

    assert time.monotonic() - started < 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a memory limit")
@pytest.mark.parametrize(
    "source",
    [
        "{{ '%999999999d' % 1 }}",
        "{{ 'x'.ljust(999999999) }}",
        "{% set ns = namespace(x='xxxxxxxx') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    ],
)
def test_memory_runs_out_for_the_template_only(source: str) -> None:
    with pytest.raises(RefusedError, match="took too much memory"):
        render(source)

    assert render("{{ messages[0].content }}") == "Hello <b>&"


def test_text_without_end_is_refused() -> None:
    with pytest.raises(RefusedError, match="writes without end"):
        render("{% for i in range(9999) %}{{ messages[0].content * 999 }}{% endfor %}")


def test_an_endless_loop_is_stopped_after_two_seconds() -> None:
    started = time.monotonic()
    with pytest.raises(RefusedError, match="took longer than 2 s"):
        render(ENDLESS_TEMPLATE)

    assert time.monotonic() - started < HARD_LIMIT_SECONDS
    assert render("{{ messages[0].content }}") == "Hello <b>&"


def test_what_python_cannot_interrupt_ends_the_process() -> None:
    # ``round`` raises 10 to this power inside one operation of the interpreter.
    script = (
        "from garden.inference.chat_template import ChatTemplate\n"
        "print(ChatTemplate(\"{{ 1 | round(400000000, 'floor') }}\").render([]))"
    )
    started = time.monotonic()
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=False)

    assert result.returncode == 1
    assert b"Timeout" in result.stderr
    assert time.monotonic() - started < HARD_LIMIT_SECONDS + 5


def test_the_hash_is_that_of_the_text() -> None:
    assert template_sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
