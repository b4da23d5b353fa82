"""Names and texts in TikTok's limits."""

from local.sandbox.core.text import display_width, has_emoji
from local.sandbox.tiktok.errors import wrong
from local.sandbox.tiktok.params import Params

MAX_WIDTH = 512
MAX_TEXT = 100


def read_name(params: Params, field: str) -> str:
    name = params.required(field)
    if display_width(name) > MAX_WIDTH:
        raise wrong(f"{field}: Longer than maximum length {MAX_WIDTH}.")
    return _without_emoji(field, name)


def read_text(params: Params, field: str) -> str:
    """The text of an ad."""
    text = params.required(field)
    if len(text) > MAX_TEXT:
        raise wrong(f"{field}: Length must be between 1 and {MAX_TEXT}.")
    return _without_emoji(field, text)


def _without_emoji(field: str, text: str) -> str:
    if has_emoji(text):
        raise wrong(f"{field}: Emoji are not supported.")
    return text
