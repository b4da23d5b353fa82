"""The languages of answers, notices and pages: which one a reader asks for, and what is said in it.

Sentences are made once, in English, where they arise; a reader's door says them in the reader's language. So
nothing that is stored (an answer kept under a key, an audit row, an event) depends on who asked first, and
sentences that were stored long ago are told in Chinese too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Literal

Language = Literal["en", "zh"]
ENGLISH: Language = "en"
CHINESE: Language = "zh"
LANGUAGES: tuple[Language, ...] = (ENGLISH, CHINESE)

# The language of the person who is being shown a page.
reader: ContextVar[Language] = ContextVar("reader", default=ENGLISH)

_LONGEST_HEADER = 1000  # characters that are read
_RANGE = re.compile(r"\s*([A-Za-z*]{1,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q\s*=\s*([01](?:\.\d{1,3})?))?\s*")


def asked_by(headers: Mapping[str, str]) -> Language:
    """Return the language of an answer by its request's headers, whose names are in small letters.

    Accept-Language comes first; Content-Language, which also names the ads' language, is the older way.
    """
    return accepted(headers.get("accept-language", "")) or known(headers.get("content-language")) or ENGLISH


def accepted(header: str) -> Language | None:
    """Return the language that an Accept-Language header likes best of those there are, or None."""
    best: Language | None = None
    highest = 0.0
    for part in header[:_LONGEST_HEADER].split(","):
        found = _RANGE.fullmatch(part)
        language = known(found[1].lower()) if found else None
        weight = float((found and found[2]) or 1)
        if language is not None and weight > highest:
            best, highest = language, weight
    return best


def known(language: object) -> Language | None:
    """Return a language that answers are given in, or None for any other value."""
    return language if isinstance(language, str) and language in LANGUAGES else None
