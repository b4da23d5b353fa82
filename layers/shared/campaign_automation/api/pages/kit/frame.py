"""The parts of pages: everything that is shown passes `text`, which escapes it; Markup is what parts return.

A template engine was weighed: functions are checked by the type checker, escape by default, and load nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from campaign_automation.api.pages.kit.style import HEADERS, STYLE
from campaign_automation.api.pages.wording import local, say


class Markup(str):
    """HTML that is safe to show: made by the functions of this module alone."""

    __slots__ = ()


Part = Markup | str | None  # a plain text is escaped, None is unknown


def text(value: object) -> Markup:
    """Return a value as HTML: Markup as it is, None as the word for unknown, all else escaped."""
    if isinstance(value, Markup):
        return value
    if value is None or value == "":
        return Markup(f'<span class="unknown">{escape(say("unknown"))}</span>')
    return Markup(escape(str(local(value))))


def joined(*parts: Part) -> Markup:
    """Return parts one after the other; what is None or empty is left out."""
    return Markup("".join(text(part) for part in parts if part))


def element(tag: str, /, *parts: Part, **attributes: str | None) -> Markup:
    """Return an element; an attribute that is None is left out, `class_` stands for class."""
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
    written = "".join(f' {key}="{escape(value)}"' for key, value in given.items() if value is not None)
    return Markup(f"<{tag}{written}>{joined(*parts)}</{tag}>")


# --- the page ----------------------------------------------------------------------------------------------

Links = Sequence[tuple[str, str]]  # address and words
_NAVIGATION = "<!--navigation-->"


def page(title: str, *parts: Part, about: Part = None, links: Links = (), refresh: int | None = None) -> str:
    """Return a whole page: its one heading, what it is about, links to others, its parts, and a footer.

    With `refresh` the page is asked for again after so many seconds.
    """
    language = say("language")
    again = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="robots" content="noindex">{again}<title>{escape(title)}</title><style>{STYLE}</style>'
    )
    header = joined(
        navigation(links) if links else Markup(_NAVIGATION),
        element("h1", title),
        element("p", about, class_="quiet") if about else None,
    )
    body = joined(
        element("a", say("skip"), href="#content", class_="skip"),
        element("header", header),
        element("main", *parts, id="content"),
        element("footer", paragraph(say("footer"))),
    )
    return f'<!doctype html><html lang="{language}"><head>{head}</head><body>{body}</body></html>'


def navigation(links: Links) -> Markup:
    items = joined(*(element("li", link(address, words)) for address, words in links))
    return element("nav", element("ul", items), aria_label=say("navigation"))


def with_links(document: str, links: Links) -> str:
    """Return a page that has no links with links, as one that is written into a folder with others."""
    return document.replace(_NAVIGATION, navigation(links), 1)


def response(status: int, document: str) -> dict[str, Any]:
    """Return the proxy response with a page."""
    return {"statusCode": status, "headers": HEADERS, "body": document}


# --- parts -------------------------------------------------------------------------------------------------


def section(heading: str, *parts: Part) -> Markup:
    return element("section", element("h2", heading), *parts)


def subsection(heading: str, *parts: Part) -> Markup:
    return element("section", element("h3", heading), *parts)


def paragraph(*parts: Part, kind: str | None = None) -> Markup:
    return element("p", *parts, class_=kind)


def note(*parts: Part, kind: str = "") -> Markup:
    """Return a remark that stands out; `kind` is good or bad, which colours its edge alone."""
    return element("p", *parts, class_=f"note {kind}".strip())


def listed(items: Iterable[Part]) -> Markup:
    return element("ul", *(element("li", item) for item in items))


def link(address: str, words: str) -> Markup:
    """Return a link. Raises ValueError for an address of another kind than a page's."""
    if urlsplit(address).scheme not in ("", "http", "https"):
        raise ValueError("is no address of a page")
    return element("a", words, href=address)


def facts(pairs: Iterable[tuple[str, object]]) -> Markup:
    """Return named facts; one that is None is shown as unknown."""
    items = (element("div", element("dt", name), element("dd", text(value))) for name, value in pairs)
    return element("dl", *items)


class Column(NamedTuple):
    """The head of a column; `kind` is number (set to the right), moment (in one line) or long (wraps)."""

    name: str
    kind: str | None = None


def table(caption: str, columns: Sequence[Column | str], rows: Iterable[Sequence[object]]) -> Markup:
    """Return a table whose rows are named by their first cell. On a narrow screen it scrolls by itself."""
    heads = [item if isinstance(item, Column) else Column(item) for item in columns]
    shown = [_row(heads, row) for row in rows]
    if not shown:
        return paragraph(f"{caption}: {say('nothing')}", kind="quiet")
    head = element("tr", *(_head(item) for item in heads))
    body = element("table", element("caption", caption), element("thead", head), element("tbody", *shown))
    # A region that scrolls is reached by the keyboard and named.
    return element("div", body, class_="wide", role="region", tabindex="0", aria_label=caption)


def _head(column: Column) -> Markup:
    if not column.name:
        return Markup("<td></td>")
    return element("th", column.name, scope="col", class_=column.kind)


def _row(heads: Sequence[Column], row: Sequence[object]) -> Markup:
    first, *others = row
    cells = [
        element("td", text(value), class_=head.kind) for head, value in zip(heads[1:], others, strict=True)
    ]
    return element("tr", element("th", text(first), scope="row", class_=heads[0].kind), *cells)


# --- forms -------------------------------------------------------------------------------------------------


def form(address: str, *controls: Part, buttons: Sequence[tuple[str, str, str]]) -> Markup:
    """Return a form that is posted; each button has a name, a value and its words."""
    shown = (
        element("button", words, name=name, value=value, type="submit") for name, value, words in buttons
    )
    return element("form", *controls, *shown, method="post", action=address)


def field(name: str, words: str, value: str = "", kind: str = "text", **attributes: str | None) -> Markup:
    """Return a labelled field of a form; of kind hidden it has no label."""
    given = {"name": name, "value": value, "type": kind, **attributes}
    written = "".join(f' {key}="{escape(item)}"' for key, item in given.items() if item is not None)
    control = Markup(f"<input{written}>")
    return control if kind == "hidden" else element("label", words, control)


def choice(name: str, words: str, options: Iterable[tuple[str, str]], chosen: str = "") -> Markup:
    """Return a labelled choice of one of several values."""
    shown = (
        element("option", label, value=value, selected="selected" if value == chosen else None)
        for value, label in options
    )
    return element("label", words, element("select", *shown, name=name))
