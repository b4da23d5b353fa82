"""Names and texts: what may stand in them, and how TikTok counts."""

import re
import unicodedata

from local.sandbox.tiktok.errors import wrong
from local.sandbox.tiktok.params import Params

MAX_WIDTH = 512
MAX_TEXT = 100
_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d\u20e3]")


def read_name(params: Params, field: str) -> str:
    name = params.required(field)
    if width(name) > MAX_WIDTH:
        raise wrong(f"{field}: Longer than maximum length {MAX_WIDTH}.")
    _refuse_emoji(field, name)
    return name


def read_text(params: Params, field: str) -> str:
    """The words of an ad."""
    text = params.required(field)
    if len(text) > MAX_TEXT:
        raise wrong(f"{field}: Length must be between 1 and {MAX_TEXT}.")
    _refuse_emoji(field, text)
    return text


def width(text: str) -> int:
    """Chinese and Japanese characters count twice."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _refuse_emoji(field: str, text: str) -> None:
    if _EMOJI.search(text):
        raise wrong(f"{field}: Emoji are not supported.")
