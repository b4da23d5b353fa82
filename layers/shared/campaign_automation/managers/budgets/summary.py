"""The summary of a plan. A model may phrase it, but every number in it is put in by this module."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence

from campaign_automation.clients.gemini_client import TextModel, as_answer
from campaign_automation.managers.budgets.wording import summary_text
from campaign_automation.managers.campaigns.copywriting import TEMPLATE
from campaign_automation.models.budgets import Optimization, Summary
from campaign_automation.utils.observability import emit, logger
from campaign_automation.utils.validation import NOT_A_CHARACTER, json_of

_LONGEST_SECONDS = 3.0  # an optimisation ends in 5; the template needs no time
_LONGEST_TEXT = 600
_NAMES = re.compile(r"\{(\w+)\}")
# A model that writes a number in words claims something that nothing here has checked.
_NUMBER_WORDS = re.compile(
    r"(?i)\b(one|two|three|four|five|six|seven|eight|nine|ten|half|twice|double[sd]?|triple[sd]?|dozen|hundred"
    r"|thousand|percent)\b|[%$€£¥一二三四五六七八九十百千两半倍]"
)
SUMMARY_SCHEMA = {"type": "object", "properties": {"summary": {"type": "string"}}, "required": ["summary"]}


class Narrator:
    """`models` in order of preference; the last, fastest one writes."""

    def __init__(self, text_model: TextModel | None, models: Sequence[str]) -> None:
        self._text_model = text_model
        self._models = models

    async def summary(self, optimizations: Sequence[Optimization], currency: str, language: str) -> Summary:
        """Return the model's text if it holds nothing but words and our placeholders, else the template's."""
        numbers, fallback = numbers_of(optimizations, currency), template_summary(optimizations, currency)
        if self._text_model is None or not self._models or not optimizations:
            return fallback
        model = self._models[-1]
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                prompt = _prompt(optimizations, numbers, language)
                answer = as_answer(await self._text_model.generate_content(prompt, model=model))
            text = _text_of(str(answer["text"]))
        except Exception as error:  # any client may be handed in, and a summary is not worth a failure
            logger.warning("summary not phrased", model=model, reason=f"{type(error).__name__}: {error}")
            return fallback
        if problem := problem_of(text, numbers):
            logger.info("summary refused", model=model, problem=problem)
            return fallback
        emit("copy_generated_total", source=model)
        return Summary(text=text.format_map(numbers), source=str(answer.get("model", model)))


def template_summary(optimizations: Sequence[Optimization], currency: str) -> Summary:
    return Summary(text=summary_text(numbers_of(optimizations, currency)), source=TEMPLATE)


def numbers_of(optimizations: Sequence[Optimization], currency: str) -> dict[str, str]:
    """Return every number that a summary may hold, as text."""
    actions = ["keep" if item.outcome in ("skipped", "failed") else item.action for item in optimizations]
    before = sum(item.old_budget for item in optimizations)
    after = sum(item.result for item in optimizations)
    return {
        "budgets": str(len(actions)),
        "raised": str(actions.count("increase_budget")),
        "lowered": str(actions.count("decrease_budget")),
        "paused": str(actions.count("pause")),
        "kept": str(actions.count("keep")),
        "total_before": f"{before} {currency}",
        "total_after": f"{after} {currency}",
    }


def problem_of(text: str, numbers: Mapping[str, str]) -> str | None:
    """Return the reason a text is refused: its own numbers, unknown placeholders, half of a character,
    no words or too many."""
    if not text.strip() or len(text) > _LONGEST_TEXT:
        return f"{len(text)} characters"
    names = _NAMES.findall(text)
    if unknown := set(names) - set(numbers):
        return f"unknown placeholders: {sorted(unknown)}"
    if NOT_A_CHARACTER in text:
        return "half of a character"
    words = _NAMES.sub("", text)
    if re.search(r"[\d{}]", words) or _NUMBER_WORDS.search(words):
        return "numbers of its own"
    if not {"total_before", "total_after"} <= set(names):
        return "the totals are missing"
    return None


def _prompt(optimizations: Sequence[Optimization], numbers: Mapping[str, str], language: str) -> str:
    language_name = {"en": "English", "zh": "Simplified Chinese"}[language]
    reasons = sorted({item.reason for item in optimizations})
    return (
        f"Summarise changes of advertising budgets in {language_name}, in one or two sentences.\n"
        f"Write these placeholders, in braces, where a number belongs: {', '.join(numbers)}.\n"
        f"Their values, which you must not write: {json.dumps(dict(numbers))}\n"
        f"Reasons: {', '.join(reasons)}.\n"
        "Use {total_before} and {total_after}. Write no digit, no number word and no claim of your own."
        ' Answer with JSON: {"summary": "..."}.'
    )


def _text_of(text: str) -> str:
    """Return the summary out of the answer, which models like to wrap into a code fence."""
    fenced = re.search(r"\{.*\}", text, re.DOTALL)
    return " ".join(str(json_of(fenced.group() if fenced else text)["summary"]).split())
