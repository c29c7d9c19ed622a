"""The style sheet of a saved comparison: the look's own colours, light and dark, in one file without scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from garden.core.paths import resource_path

_GROUPS = ("bg", "border", "text", "accent", "pane", "diff", "status")

_RULES = """
*{box-sizing:border-box;margin:0;padding:0}
html{-webkit-text-size-adjust:100%}
body{background:var(--bg-window);color:var(--text-primary);font:400 14px/22px Inter,"Segoe UI Variable Text",
"Segoe UI",system-ui,sans-serif;font-feature-settings:"tnum","calt";overflow-wrap:anywhere}
header,main,footer{max-width:1680px;margin:0 auto;padding:0 24px}
header{padding-top:28px;padding-bottom:20px;display:flex;gap:14px;align-items:flex-start}
header svg{width:40px;height:40px;flex:none}
h1{font-size:22px;line-height:30px;font-weight:600}
.meta{color:var(--text-muted);font-size:13px}
section{background:var(--bg-surface);border:1px solid var(--border-default);border-radius:8px;margin:0 0 20px;
overflow:hidden}
.prompt{background:var(--bg-sunken);border-bottom:1px solid var(--border-default);padding:12px 18px;display:flex;
gap:16px}
.prompt span{color:var(--text-muted);font-size:12px;font-weight:500;white-space:nowrap}
.prompt div{white-space:pre-wrap;flex:1}
.panes{display:grid;grid-template-columns:repeat(var(--n),minmax(0,1fr))}
.pane{border-right:1px solid var(--border-default);border-top:2px solid var(--c);display:flex;flex-direction:column;
min-width:0}
.pane:last-child{border-right:0}
.pane>h2{font-size:14px;line-height:20px;font-weight:600;padding:12px 16px;border-bottom:1px solid var(--border-subtle);
display:flex;flex-wrap:wrap;align-items:center;gap:6px 8px}
.letter{background:var(--c);color:var(--pane-on);width:20px;height:20px;border-radius:5px;font-size:11.5px;
font-weight:700;display:inline-flex;align-items:center;justify-content:center;flex:none}
.type{font-family:"JetBrains Mono",ui-monospace,Menlo,Consolas,monospace;font-size:12px;font-weight:400;
color:var(--text-muted)}
.tag{font-size:11px;line-height:18px;padding:0 6px;border-radius:4px;background:var(--bg-hover);
color:var(--text-secondary);font-weight:500}
.answer{padding:14px 16px;flex:1}
.answer>*+*{margin-top:10px}
.answer h3,.answer h4,.answer h5,.answer h6{font-size:14px;line-height:22px;font-weight:600}
.item{display:grid;grid-template-columns:auto 1fr;gap:8px}
.item+.item{margin-top:3px!important}
.item>span{color:var(--text-muted)}
.d1,.d2{margin-left:18px}.d3,.d4{margin-left:36px}.d5,.d6{margin-left:54px}
pre,code{font:400 12.5px/19px "JetBrains Mono",ui-monospace,Menlo,Consolas,monospace;font-feature-settings:"calt" 0}
pre{background:var(--bg-code);border:1px solid var(--border-subtle);border-radius:6px;padding:10px 12px;
white-space:pre-wrap;overflow-x:auto}
p code,.item code,h3 code,h4 code{background:var(--bg-code);border:1px solid var(--border-subtle);border-radius:4px;
padding:0 4px}
pre code{background:none;border:0;padding:0}
mark{background:var(--diff-first-bg);color:var(--diff-first-fg);border-radius:2px;padding:0 2px}
.none{color:var(--text-muted);font-style:italic}
.error{background:var(--status-danger-bg);color:var(--status-danger-fg);border-radius:6px;padding:8px 12px}
.parting{border-top:1px solid var(--border-default);background:var(--bg-surface);padding:9px 16px;font-size:13px;
color:var(--text-secondary);display:flex;flex-wrap:wrap;gap:4px 18px;align-items:center}
.scroll{overflow-x:auto;border-top:1px solid var(--border-default)}
table{border-collapse:collapse;width:100%;font-size:13px;line-height:20px}
th{font-size:11px;line-height:16px;font-weight:500;color:var(--text-muted);background:var(--bg-sunken)}
th,td{padding:7px 14px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--border-subtle)}
tr:last-child td{border-bottom:0}
th:first-child,td:first-child,td.l,th.l{text-align:left}
td:first-child>span+span{margin-left:8px}td .letter{vertical-align:-4px}
details{border-top:1px solid var(--border-default)}
summary{padding:9px 16px;font-size:13px;font-weight:500;color:var(--text-secondary);cursor:pointer}
summary:focus-visible{outline:2px solid var(--focus);outline-offset:-2px}
.folded{padding:2px 16px 16px;display:grid;grid-template-columns:repeat(var(--n),minmax(0,1fr));gap:16px}
.folded h3{font-size:12px;line-height:20px;font-weight:500;color:var(--text-muted);margin-bottom:4px;display:flex;
gap:6px;align-items:center}
.folded pre{font-size:11.5px;line-height:17px;max-height:420px;overflow:auto}
footer{color:var(--text-muted);font-size:12px;padding-bottom:32px}
@media (max-width:900px){.panes,.folded{grid-template-columns:minmax(0,1fr)}.pane{border-right:0}
header,main,footer{padding-left:12px;padding-right:12px}}
@media print{body{background:#fff}section{break-inside:avoid}}
"""


def style_sheet() -> str:
    """The style sheet; values come from the look's tokens."""
    tokens: dict[str, Any] = json.loads(resource_path("look/tokens.json").read_text(encoding="utf-8"))
    light, dark = _variables(tokens["light"]), _variables(tokens["dark"])
    return (
        f":root{{color-scheme:light dark;{light}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{_RULES.strip()}\n"
    )


def _variables(scheme: Mapping[str, Any]) -> str:
    words = [f"--focus:{scheme['focus']['ring']}"]
    for group in _GROUPS:
        for name, value in scheme[group].items():
            parts = value if isinstance(value, dict) else {"": value}
            words += [
                f"--{group}-{name}{'-' + part if part else ''}:{colour}".replace("_", "-")
                for part, colour in parts.items()
            ]
    return ";".join(words)
