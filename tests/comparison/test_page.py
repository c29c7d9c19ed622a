from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from garden.comparison.page import to_page
from garden.core.conversation import Conversation, FinishReason, GenerationMetrics
from tests.comparison.values import answer, configuration, conversation

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</pre></div></section></body><iframe src=//evil>",
    "<style>@import 'http://evil'</style>",
    "&lt;script&gt;",
    "javascript:alert(1)",
    "--></title><meta http-equiv=refresh content=0;//evil>",
    "' onmouseover='x",
    "\x00\x1b]8;;http://evil\x07",
]
#: What pages are made of; anything else came from outside.
TAGS = re.compile(
    "html|head|meta|title|style|body|header|main|footer|section|div|span|p|br|h[1-6]|mark|strong|pre|code"
    "|table|thead|tbody|tr|th|td|details|summary|svg|rect|path|g"
)
ATTRIBUTES = re.compile(
    "lang|charset|http-equiv|content|name|style|class|title|xmlns|viewbox|width|height|x|y|rx|d|fill"
    "|stroke|stroke-width|stroke-linecap|stroke-linejoin"
)


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def shown(page: str) -> str:
    return " ".join(" ".join(read(page).text).split())


def two_panes(first: str = "The sky is", second: str = "The end is") -> Conversation:
    return conversation(answer(first, (1, 2, 4)), answer(second, (1, 3, 4), pane="B"))


def test_prompt_answers_figures_and_the_parting_stand_there() -> None:
    metrics = GenerationMetrics(
        time_to_first_token_ms=212.4, decode_tokens_per_second=82.14, completion_tokens=60, buffers_bytes=150_000_000
    )
    page = to_page(conversation(answer("The sky", (1, 2), metrics=metrics), answer("The end", (1, 3), pane="B")))

    text = shown(page)
    for words in ("Turn 1 Why?", "212 ms", "82.1", "143.1 MiB", "B parts at token 1: A sky B end", "finished"):
        assert words in text
    assert "<mark>end</mark>" in page


def test_a_figure_that_nobody_has_is_left_out() -> None:
    text = shown(to_page(two_panes()))

    assert "First token" in text
    assert "Peak resident" not in text


@pytest.mark.parametrize("evil", HOSTILE)
def test_nothing_hostile_becomes_markup(evil: str) -> None:
    told = configuration(evil, system_prompt=evil, stops=(evil,))
    bad = answer(evil, (1,), configuration=told, rendered_prompt=evil, error=evil, action=evil)
    worse = answer("x " + evil, (2,), pane=evil[:1] or "B", configuration=told, rendered_prompt=evil)

    page = to_page(conversation(bad, worse, prompt=evil, title=evil), machine=evil)

    reader = read(page)
    assert all(TAGS.fullmatch(tag) for tag in reader.tags)
    assert all(ATTRIBUTES.fullmatch(attribute) for attribute in reader.attributes)


def test_nothing_is_loaded_and_nothing_runs() -> None:
    page = to_page(two_panes("see http://evil.example", "and ![x](http://evil.example/x.png)"))

    assert "default-src 'none'" in page
    assert not re.search(r"<(script|link|img|iframe|object|a)\b|url\(|@import|\ssrc=|\shref=", page)


def test_light_and_dark_have_colours_for_every_variable_that_is_used() -> None:
    page = to_page(two_panes())

    used = set(re.findall(r"var\((--[\w-]+)\)", page)) - {"--c", "--n"}
    light, dark = page.split("@media (prefers-color-scheme:dark)")
    assert used
    for name in used:
        assert f"{name}:" in light, name
        assert f"{name}:" in dark, name


def test_paths_of_the_machine_stay_there() -> None:
    assert "/home/someone" not in to_page(two_panes())


def test_a_failed_pane_says_so() -> None:
    failed = answer("", pane="B", error="The process was killed.", action="Start it.", finish_reason=FinishReason.ERROR)

    text = shown(to_page(conversation(answer("The sky", (1,)), failed)))

    assert "The process was killed. Start it." in text
    assert "failed" in text


def test_an_empty_conversation_is_a_page_too() -> None:
    assert "Nothing was asked." in shown(to_page(Conversation(id="c", title="")))
