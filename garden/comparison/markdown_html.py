"""The little of Markdown that answers use, as HTML in which nothing of the answer is markup.

Everything is escaped first; tags come from here alone. Links and images stay the text they are: a saved comparison
loads nothing and leads nowhere.
"""

from __future__ import annotations

import html
import re

#: Stand for the ends of the marked word while the text is cut into blocks; taken out of answers beforehand.
_MARK, _UNMARK = "\ue000", "\ue001"

#: Longer lines are shown as they are: patterns over a hostile line cost the square of its length.
_MAX_INLINE = 2_000

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n`]*$")
_HEADING = re.compile(r"^(#{1,6})\s+(.*)$")
_ITEM = re.compile(r"^(\s*)([-*+]|\d{1,4}[.)])\s+(.*)$")
_CODE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_STRONG = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")


def to_html(text: str, mark: tuple[int, int] | None = None) -> str:
    """HTML of an answer.

    Args:
        text: The answer; hostile.
        mark: Start and length of what is marked, None for nothing. A length of 0 marks the end of the answer.
    """
    if mark is not None and mark[1] == 0:
        return _blocks(_clean(text)) + '<p><mark title="The answer ends here">⏹</mark></p>'
    if mark is not None:
        start, end = mark[0], mark[0] + mark[1]
        text = f"{_clean(text[:start])}{_MARK}{_clean(text[start:end])}{_UNMARK}{_clean(text[end:])}"
    else:
        text = _clean(text)
    return _blocks(text)


def _clean(text: str) -> str:
    """Without our stand-ins and without control characters, which HTML does not allow."""
    kept = (c for c in text if c in "\n\t" or (c >= " " and c not in "\x7f" and not _is_stand_in(c)))
    return "".join(kept).encode("utf-8", "replace").decode()


def _is_stand_in(character: str) -> bool:
    return character in (_MARK, _UNMARK)


def _blocks(text: str) -> str:
    out: list[str] = []
    paragraph: list[str] = []
    fence: str | None = None
    code: list[str] = []

    def flush() -> None:
        if paragraph:
            out.append(f"<p>{'<br>'.join(_inline(line) for line in paragraph)}</p>")
            paragraph.clear()

    for line in text.split("\n"):
        bare = line.replace(_MARK, "").replace(_UNMARK, "")
        opening = _FENCE.match(bare)
        if fence is not None:
            if opening and opening[1][0] == fence[0] and len(opening[1]) >= len(fence):
                out.append(f"<pre><code>{_escape(chr(10).join(code))}</code></pre>")
                fence, code = None, []
            else:
                code.append(line)
        elif opening:
            flush()
            fence = opening[1]
            # The mark may stand on the fence itself, which is not shown.
            if _MARK in line:
                code.append(f"{_MARK}{bare.strip()}{_UNMARK}")
        elif not bare.strip():
            flush()
        elif found := _HEADING.match(line):
            flush()
            level = min(len(found[1]) + 2, 6)
            out.append(f"<h{level}>{_inline(found[2])}</h{level}>")
        elif found := _ITEM.match(line):
            flush()
            depth = min(len(found[1].expandtabs(4)) // 2, 6)
            bullet = "•" if found[2] in "-*+" else _escape(found[2])
            out.append(f'<div class="item d{depth}"><span>{bullet}</span><div>{_inline(found[3])}</div></div>')
        else:
            paragraph.append(line)
    flush()
    if fence is not None:
        out.append(f"<pre><code>{_escape(chr(10).join(code))}</code></pre>")
    return "\n".join(out)


def _inline(text: str) -> str:
    """Code spans and bold; what is inside a code span is not looked at again."""
    if len(text) > _MAX_INLINE:
        return _escape(text)
    out: list[str] = []
    position = 0
    for found in _CODE.finditer(text):
        out.append(_bold(text[position : found.start()]))
        out.append(f"<code>{_escape(found[2])}</code>")
        position = found.end()
    out.append(_bold(text[position:]))
    return "".join(out)


def _bold(text: str) -> str:
    return _STRONG.sub(r"<strong>\1</strong>", _escape(text))


def _escape(text: str) -> str:
    escaped = html.escape(text, quote=True)
    return escaped.replace(_MARK, "<mark>").replace(_UNMARK, "</mark>")
