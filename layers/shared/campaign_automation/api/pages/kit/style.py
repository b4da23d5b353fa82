"""The style sheet of all pages: two schemes, phones to wide screens, print. Colours stand here alone."""

from __future__ import annotations

import base64
import hashlib

# Text against its ground has a contrast of 4.5 at least (WCAG AA), marks of charts 3; a test computes both.
LIGHT = {
    "ground": "#ffffff",
    "raised": "#f3f5f8",
    "text": "#1b1f24",
    "quiet": "#565e68",
    "rule": "#c9d0d8",
    "control": "#757d87",
    "link": "#0a56a5",
    "first": "#0a56a5",
    "second": "#9a4a00",
    "third": "#6b3fa0",
    "good": "#1a6b2d",
    "bad": "#ab2317",
}
DARK = {
    "ground": "#12161b",
    "raised": "#1c222a",
    "text": "#e8edf2",
    "quiet": "#a9b4c0",
    "rule": "#3a434d",
    "control": "#8b96a2",
    "link": "#82bcff",
    "first": "#82bcff",
    "second": "#f2ab6b",
    "third": "#c9a6ff",
    "good": "#82d391",
    "bad": "#ff9d94",
}


def _variables(colours: dict[str, str]) -> str:
    return ":root{" + "".join(f"--{name}:{value};" for name, value in colours.items()) + "}"


STYLE = (
    _variables(LIGHT)
    # Paper is white whatever the screen is.
    + "@media screen and (prefers-color-scheme:dark){"
    + _variables(DARK)
    + "}"
    + """
:root{color-scheme:light dark}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);font:1rem/1.5 system-ui,sans-serif;
overflow-wrap:anywhere}
.skip{position:absolute;left:-100rem}
.skip:focus{left:.5rem;top:.5rem;background:var(--ground);padding:.5rem}
header,main,footer{max-width:64rem;margin:0 auto;padding:0 1rem}
header{padding-top:1.5rem}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:0;padding:0}
h1{font-size:1.6rem;line-height:1.25;margin:.75rem 0 .25rem}
h2{font-size:1.2rem;margin:2rem 0 .5rem;padding-top:.75rem;border-top:1px solid var(--rule)}
h3{font-size:1rem;margin:1.25rem 0 .25rem}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.quiet,.unknown,footer,caption,figcaption{color:var(--quiet)}
.state{font-weight:bold}
.good{color:var(--good)}
.bad{color:var(--bad)}
.note{background:var(--raised);border-left:.3rem solid var(--control);padding:.5rem .75rem;margin:.75rem 0}
.note.bad{color:inherit;border-color:var(--bad)}
.note.good{color:inherit;border-color:var(--good)}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;margin:1rem 0}
dl div{background:var(--raised);padding:.5rem .75rem}
dt{color:var(--quiet);font-size:.9rem}
dd{margin:0;font-size:1.1rem}
.wide{overflow-x:auto;margin:.75rem 0}
table{border-collapse:collapse;width:100%;font-size:.95rem;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:.25rem 0;font-size:.9rem}
th,td{border-bottom:1px solid var(--rule);padding:.35rem .6rem;text-align:left;vertical-align:top;
min-width:4rem;overflow-wrap:normal}
th{font-weight:600}
.long{min-width:12rem;overflow-wrap:anywhere}
.number{text-align:right;white-space:nowrap}
thead .number{white-space:normal}
.moment{white-space:nowrap}
figure{margin:1rem 0}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:0 1.5rem}
svg{display:block;width:100%;max-width:40rem;height:auto}
svg text{fill:var(--quiet);font-size:12px}
.axis{stroke:var(--rule);stroke-width:1;fill:none}
.bound{stroke:var(--text);stroke-width:1.5;stroke-dasharray:2 4;fill:none}
.line,.whisker{fill:none;stroke-width:2}
.first{stroke:var(--first)}
.second{stroke:var(--second);stroke-dasharray:7 4}
.third{stroke:var(--third);stroke-dasharray:1.5 4;stroke-linecap:round}
.dot{stroke-width:1.5;stroke-dasharray:none}
.dot.first{fill:var(--first)}
.dot.second{fill:var(--ground)}
.dot.third{fill:var(--third)}
.whisker{stroke-dasharray:none}
.legend{display:flex;flex-wrap:wrap;gap:0 1.25rem;list-style:none;margin:0;padding:0;font-size:.9rem}
.legend svg{display:inline-block;width:2rem;margin-right:.4rem;vertical-align:middle}
summary{cursor:pointer;color:var(--link)}
form{margin:.75rem 0}
label{display:block;margin:.5rem 0;font-weight:600}
input,select,textarea,button{font:inherit;color:inherit;background:var(--ground);
border:1px solid var(--control);padding:.45rem .6rem;max-width:100%}
input,select,textarea{display:block;font-weight:400;width:24rem}
textarea{min-height:6rem}
button{cursor:pointer;margin:.25rem .75rem .25rem 0;padding:.5rem 1.1rem}
pre{background:var(--raised);padding:.75rem;overflow-x:auto;white-space:pre-wrap}
footer{margin-top:2.5rem;padding-bottom:2rem;font-size:.9rem}
@media print{body{font-size:10pt}nav,form,summary,.skip{display:none}
header,main,footer{max-width:none;padding:0}
.wide{overflow:visible}figure,tr,.note{break-inside:avoid}h2,h3{break-after:avoid}}
"""
)
_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    # A page is of one tenant, and a link to it is a right: it is kept nowhere, and no site is told of it.
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # No script at all, and this one style sheet.
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'",
}
