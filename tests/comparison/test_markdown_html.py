from __future__ import annotations

import time

import pytest

from garden.comparison.markdown_html import to_html


@pytest.mark.parametrize(
    ("markdown", "page"),
    [
        ("One\ntwo\n\nthree", "<p>One<br>two</p>\n<p>three</p>"),
        ("a **b** `c**d**`", "<p>a <strong>b</strong> <code>c**d**</code></p>"),
        ("```py\nx < 1\n```\nend", "<pre><code>x &lt; 1</code></pre>\n<p>end</p>"),
        ("```\nopen", "<pre><code>open</code></pre>"),
        ("~~~\n```\n~~~", "<pre><code>```</code></pre>"),
        ("# Top", "<h3>Top</h3>"),
        ("###### Low", "<h6>Low</h6>"),
        ("2. x", '<div class="item d0"><span>2.</span><div>x</div></div>'),
        ("    - y", '<div class="item d2"><span>•</span><div>y</div></div>'),
        ("Map<K, V> & co", "<p>Map&lt;K, V&gt; &amp; co</p>"),
        ("[x](javascript:y) ![i](http://z)", "<p>[x](javascript:y) ![i](http://z)</p>"),
        ("", ""),
    ],
)
def test_what_answers_use(markdown: str, page: str) -> None:
    assert to_html(markdown) == page


@pytest.mark.parametrize(
    ("markdown", "word", "page"),
    [
        ("a bad word", "bad", "<p>a <mark>bad</mark> word</p>"),
        ("**bad** word", "bad", "<p><strong><mark>bad</mark></strong> word</p>"),
        ("`bad`", "bad", "<p><code><mark>bad</mark></code></p>"),
        ("```\nbad\n```", "bad", "<pre><code><mark>bad</mark></code></pre>"),
        ("x\n```bad\ny\n```", "bad", "<p>x</p>\n<pre><code><mark>```bad</mark>\ny</code></pre>"),
        ("a < b", "<", "<p>a <mark>&lt;</mark> b</p>"),
    ],
)
def test_a_word_is_marked_wherever_it_stands(markdown: str, word: str, page: str) -> None:
    assert to_html(markdown, (markdown.index(word), len(word))) == page


def test_an_answer_that_ends_early_says_so() -> None:
    assert "<mark" in to_html("short", (5, 0))


@pytest.mark.parametrize("text", ["\ue000x\ue001", "\x00\x1b[31m\x7f", "\ud800"])
def test_stand_ins_and_control_characters_are_taken_out(text: str) -> None:
    page = to_html(f"a{text}b", (0, 1))

    assert page.count("<mark>") == 1
    assert all(character.isprintable() for character in page)
    page.encode()


@pytest.mark.parametrize(
    "line", ["`" * 50_000, "**" * 50_000, "` `` " * 20_000, "*" * 1_999, "`a``" * 499, "#" * 9_999]
)
def test_hostile_lines_cost_little(line: str) -> None:
    started = time.perf_counter()

    to_html(line)

    assert time.perf_counter() - started < 2
