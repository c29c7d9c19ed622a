"""A conversation as one HTML file that needs nothing else: no script, no request, no trust in what models wrote."""

from __future__ import annotations

import html
import json
import time
from collections.abc import Callable, Sequence

from garden.comparison.differing_settings import differing_settings
from garden.comparison.first_difference import FirstDifference, first_difference
from garden.comparison.markdown_html import to_html
from garden.comparison.page_style import style_sheet
from garden.core.conversation import Answer, Conversation, FinishReason, Mode, Turn
from garden.core.paths import resource_path
from garden.core.quantity import format_bytes
from garden.core.run_configuration import RunConfiguration

#: Even a browser that finds markup where there should be none loads and runs nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

_MODES = {
    Mode.FAIR: "Fair: one model at a time, in shuffled order",
    Mode.RELAY: "Relay: one model in memory at a time",
}
_FINISHES = {
    FinishReason.STOP: "finished",
    FinishReason.LENGTH: "token limit",
    FinishReason.CONTEXT: "context full",
    FinishReason.CANCELLED: "stopped",
    FinishReason.ERROR: "failed",
}
_UNKNOWN = "–"


def to_page(conversation: Conversation, *, machine: str = "") -> str:
    """The page.

    Args:
        conversation: What to show; every text in it is hostile.
        machine: One line on the machine that the figures come from.
    """
    configurations = [configuration for _, configuration in conversation.panes]
    tags = dict(zip((letter for letter, _ in conversation.panes), differing_settings(configurations), strict=True))
    sections = [_section(number, turn, tags) for number, turn in enumerate(conversation.turns, start=1)]
    body = "\n".join(sections) or '<p class="none">Nothing was asked.</p>'
    meta = [_MODES.get(conversation.mode, str(conversation.mode)), _date(conversation.created_at), machine]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{_text(conversation.title)} · Garden</title>
<style>
{style_sheet()}</style>
</head>
<body>
<header>{_logo()}<div>
<h1>{_text(conversation.title)}</h1>
<p class="meta">{_text(" · ".join(filter(None, meta)))}</p>
</div></header>
<main>
{body}
</main>
<footer>Made with Garden. The figures were measured while these answers were written.</footer>
</body>
</html>
"""


def _section(number: int, turn: Turn, tags: dict[str, tuple[str, ...]]) -> str:
    baseline = turn.answers[0] if turn.answers else None
    differences = {
        answer.pane: difference
        for answer in turn.answers
        if baseline is not None and answer is not baseline and (difference := first_difference(baseline, answer))
    }
    panes = "\n".join(_pane(answer, differences.get(answer.pane), tags.get(answer.pane, ())) for answer in turn.answers)
    return f"""<section style="--n:{max(1, len(turn.answers))}">
<div class="prompt"><span>Turn {number}</span><div>{_text(turn.prompt)}</div></div>
<div class="panes">
{panes}
</div>
{_parting(baseline, turn.answers, differences)}
{_figures(turn.answers)}
{_folded("What the models received", turn.answers, lambda answer: answer.rendered_prompt)}
{_folded("Run configurations", turn.answers, _configuration)}
</section>"""


def _pane(answer: Answer, difference: FirstDifference | None, tags: Sequence[str]) -> str:
    model = answer.configuration.model
    heading = [_letter(answer.pane), f"<span>{_text(model.name)}</span>"]
    if model.quant_type:
        heading.append(f'<span class="type">{_text(model.quant_type)}</span>')
    heading += [f'<span class="tag">{_text(tag)}</span>' for tag in tags if tag]
    content: list[str] = []
    if answer.text:
        content.append(
            to_html(
                answer.text,
                (difference.character, len(difference.word))
                if difference and difference.baseline_word + difference.word
                else None,
            )
        )
    if answer.error:
        content.append(f'<p class="error">{_text(answer.error)} {_text(answer.action)}</p>')
    if not content:
        content.append('<p class="none">No answer.</p>')
    return f"""<div class="pane" style="--c:{_colour(answer.pane)}">
<h2>{"".join(heading)}</h2>
<div class="answer">{"".join(content)}</div>
</div>"""


def _parting(baseline: Answer | None, answers: Sequence[Answer], differences: dict[str, FirstDifference]) -> str:
    """One line on where each pane leaves the first."""
    others = [answer for answer in answers if answer is not baseline and answer.text]
    if baseline is None or not baseline.text or not others:
        return ""
    words = []
    for answer in others:
        difference = differences.get(answer.pane)
        if difference is None:
            words.append(f"<span>{_letter(answer.pane)} the same throughout</span>")
            continue
        where = (
            f"at token {difference.token}" if difference.token is not None else f"at character {difference.character}"
        )
        pair = (
            f"{_text(baseline.pane)} <mark>{_text(difference.baseline_word) or 'ends'}</mark> "
            f"{_text(answer.pane)} <mark>{_text(difference.word) or 'ends'}</mark>"
        )
        words.append(f"<span>{_letter(answer.pane)} parts {where}: {pair}</span>")
    return f'<div class="parting"><span>Against {_letter(baseline.pane)}</span>{"".join(words)}</div>'


def _figures(answers: Sequence[Answer]) -> str:
    """The measured figures; a column that nobody has a figure for is left out."""
    columns: list[tuple[str, Callable[[Answer], str]]] = [
        ("First token", lambda a: _number(a.metrics.time_to_first_token_ms, "{:,.0f} ms")),
        ("Reading, tok/s", lambda a: _number(a.metrics.prefill_tokens_per_second, "{:,.1f}")),
        ("Writing, tok/s", lambda a: _number(a.metrics.decode_tokens_per_second, "{:,.1f}")),
        ("Prompt tokens", lambda a: _number(a.metrics.prompt_tokens, "{:,}")),
        ("Answer tokens", lambda a: _number(a.metrics.completion_tokens, "{:,}")),
        ("Load", lambda a: _number(a.metrics.load_seconds, "{:,.2f} s")),
        ("Buffers", lambda a: _bytes(a.metrics.buffers_bytes)),
        ("Forecast", lambda a: _bytes(a.metrics.forecast_bytes)),
        ("Peak resident", lambda a: _bytes(a.metrics.peak_memory_bytes)),
        ("File", lambda a: _bytes(a.configuration.model.size_bytes or None)),
        ("Ended", lambda a: _FINISHES.get(a.finish_reason, _UNKNOWN) if a.finish_reason else _UNKNOWN),
    ]
    shown = [(title, cell) for title, cell in columns if any(cell(answer) != _UNKNOWN for answer in answers)]
    if not shown:
        return ""
    head = "".join(f"<th>{title}</th>" for title, _ in shown)
    rows = "".join(
        f"<tr><td>{_letter(answer.pane)}<span>{_text(answer.configuration.model.name)}</span>"
        f'<span class="type">{_text(answer.configuration.model.quant_type or "")}</span></td>'
        + "".join(f"<td>{_text(cell(answer))}</td>" for _, cell in shown)
        + "</tr>"
        for answer in answers
    )
    return f'<div class="scroll"><table><thead><tr><th>Model</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _folded(title: str, answers: Sequence[Answer], content: Callable[[Answer], str]) -> str:
    texts = [(answer.pane, content(answer)) for answer in answers]
    if not any(text for _, text in texts):
        return ""
    parts = "".join(f"<div><h3>{_letter(pane)}</h3><pre>{_text(text) or _UNKNOWN}</pre></div>" for pane, text in texts)
    return f'<details><summary>{title}</summary><div class="folded">{parts}</div></details>'


def _configuration(answer: Answer) -> str:
    return _pretty(answer.configuration)


def _pretty(configuration: RunConfiguration) -> str:
    document = configuration.to_document()
    # Where the file lies on this machine is nobody's business; its hash says which one it is.
    document["model"].pop("path")
    for adapter in document["load"]["adapters"]:
        adapter.pop("path")
    return json.dumps({"identity": configuration.identity, **document}, ensure_ascii=False, indent=1)


def _letter(pane: str) -> str:
    return f'<span class="letter" style="--c:{_colour(pane)}">{_text(pane[:1])}</span>'


def _colour(pane: str) -> str:
    return f"var(--pane-{pane})" if pane in ("A", "B", "C", "D", "E", "F") else "var(--text-muted)"


def _number(value: float | None, form: str) -> str:
    return _UNKNOWN if value is None else form.format(value)


def _bytes(value: int | None) -> str:
    return _UNKNOWN if value is None else format_bytes(value)


def _date(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment)) if moment else ""


def _logo() -> str:
    """Drawn for Garden, so markup that may stay markup."""
    return resource_path("icons/garden.svg").read_text(encoding="utf-8").strip()


def _text(text: str) -> str:
    """Escaped, without the control characters that HTML does not allow."""
    kept = "".join(c for c in text if c in "\n\t" or (c >= " " and c != "\x7f"))
    return html.escape(kept.encode("utf-8", "replace").decode(), quote=True)
