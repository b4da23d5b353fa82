"""Keywords: what Google refuses of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from local.sandbox.google.errors import AdsError, required
from local.sandbox.google.messages import Message

MAX_KEYWORD = 80
MAX_KEYWORD_WORDS = 10
_NOT_IN_KEYWORDS = re.compile(r"[!@%,*()^;~`<>?\\|={}\x00-\x1f]")


def check_keyword(criterion: Message) -> Iterator[AdsError]:
    text = criterion.keyword.text
    if not text.strip():
        yield required("keyword", "text")
    if len(text) > MAX_KEYWORD:
        yield AdsError(
            "criterion_error.KEYWORD_TEXT_TOO_LONG", "Keyword text is too long.", "keyword", "text"
        )
    if len(text.split()) > MAX_KEYWORD_WORDS:
        code = "criterion_error.KEYWORD_HAS_TOO_MANY_WORDS"
        yield AdsError(code, "Keyword text has too many words.", "keyword", "text")
    if _NOT_IN_KEYWORDS.search(text):
        code = "criterion_error.KEYWORD_HAS_INVALID_CHARS"
        yield AdsError(code, "Keyword text has invalid characters or symbols.", "keyword", "text")
    if not criterion.keyword.match_type:
        yield required("keyword", "match_type")
