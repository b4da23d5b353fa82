"""The editorial rules of platforms, checked before a text is sent, and the words of a brand.

Sources: Google Ads policies, "Editorial" (punctuation, capitals, contact details in the text); Meta's and
TikTok's rules of ad text ask for the same. What a product's own name states is allowed to stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from campaign_automation.adapters.base import CopyLimits
from campaign_automation.models.campaigns import Creative
from campaign_automation.models.creation.options import Voice

_REPEATED = re.compile(r"[!?\uff01\uff1f]{2,}|\.{4,}|,{2,}|([*~#=_+-])\1{2,}")
_EXCLAMATION = re.compile("[!\uff01]")
_CAPITALS = re.compile(r"\b[A-Z]{4,}\b")
_WORDS = re.compile("[A-Za-z]+")
_ADDRESS = re.compile(
    r"(?i)https?:|www\.|[\w.+-]+@[\w-]+\.\w|\b[\w-]+\.(?:com|net|org|io|shop|store|xyz|info|cn|ru|example)\b"
    r"|\+?\d(?:[ ().-]{0,2}\d){7,}"
)
_MARKUP = re.compile(r"<[A-Za-z/!]|\{\{|\}\}|\[INST|```|<\|")
# Words by which a text speaks to a model instead of to buyers.
_INSTRUCTION = re.compile(
    r"(?i)\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:instruction|prompt|rule|above|previous"
    r"|everything|before this|polic|limit|data)|\b(?:system|developer|assistant|user)\s*(?:prompt|message|:)"
    r"|\byou are (?:now|an?|no longer)\b|\bact as\b|\bpretend\b|\bjailbreak\b|\bdo anything now\b|\bDAN\b"
    r"|\b(?:say|write|answer|respond|reply|output|print|repeat|return|state|translate)\b.{0,20}[:\"'\u201c]"
    r"|\bnew (?:instruction|task|rule|prompt)|\binstead of\b.{0,30}\b(?:write|say|text|copy|ad)\b"
    r"|\b(?:reveal|show|leak|print)\b.{0,30}\b(?:prompt|secret|key|token|instruction)"
    r"|\bas an ai\b|\blanguage model\b|\bBEGIN\b.{0,20}\bEND\b|\bend of (?:data|product|input)"
    r"|(?:忽略|无视|忘记).{0,12}(?:指令|提示|规则|以上|之前)|(?:系统提示|你现在是|请(?:输出|回答|写|说)[::：])"
)


def without_instructions(creative: Creative) -> Creative:
    """Return the creative without what speaks to a model: neither a fact of it nor words for its texts."""
    return creative.model_copy(
        update={
            "name": "" if speaks_to_a_model(creative.name) else creative.name,
            "style": None if speaks_to_a_model(creative.style or "") else creative.style,
            "tags": [tag for tag in creative.tags if not speaks_to_a_model(tag)],
        }
    )


def speaks_to_a_model(text: str) -> bool:
    """Return whether a text of a product reads as an instruction, or holds markup or an address."""
    return any(pattern.search(text) for pattern in (_INSTRUCTION, _MARKUP, _ADDRESS))


def style_problems(part: str, text: str, creative: Creative, limits: CopyLimits) -> Iterator[str]:
    """Yield the rules that one line breaks; `part` is its name, such as headline or more_headlines."""
    if _REPEATED.search(text):
        yield "repeats punctuation"
    if _is_shouted(text, creative):
        yield "is written in capitals"
    exclamations = len(_EXCLAMATION.findall(text))
    if limits.exclamations is not None and exclamations > (0 if "headline" in part else limits.exclamations):
        yield "has an exclamation mark that the platform refuses"
    if _ADDRESS.search(text):
        yield "holds an address or a phone number"
    if _MARKUP.search(text):
        yield "holds markup"
    if _INSTRUCTION.search(text):
        yield "reads as an instruction to a model"


def _is_shouted(text: str, creative: Creative) -> bool:
    """Return whether words stand in capitals that the product's name does not write so."""
    own = set(_WORDS.findall(creative.name))
    words = [word for word in _WORDS.findall(text) if word not in own]
    long = [word for word in words if _CAPITALS.fullmatch(word)]
    return len(long) > 1 or ((bool(long) or len(words) > 1) and text.upper() == text)


def avoided(text: str, voice: Voice) -> list[str]:
    """Return the words that the brand does not want and the text holds."""
    return [word for word in voice.avoid if _holds(text, word)]


def _holds(text: str, word: str) -> bool:
    # Between letters there is no border in Chinese, so it counts only beside Latin ones.
    edge = r"(?<![A-Za-z0-9]){}(?![A-Za-z0-9])" if word.isascii() else "{}"
    return re.search(edge.format(re.escape(word)), text, re.IGNORECASE) is not None
