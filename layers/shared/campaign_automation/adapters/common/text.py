"""Text as ad platforms measure it."""

from __future__ import annotations

import re
import unicodedata

# Pictographs, dingbats, and the joiners and selectors that make one emoji of several characters.
_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d\u20e3]")


def display_width(text: str) -> int:
    """The length in characters, where those of East Asian scripts count two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def has_emoji(text: str) -> bool:
    """Return whether the text holds an emoji or a part of one."""
    return _EMOJI.search(text) is not None
