"""Ad copy: a stronger model, a faster one, then a template. No copy claims more than its source states."""

from __future__ import annotations

import asyncio
import math
import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import cached_property

from pydantic import ValidationError

from campaign_automation.adapters.base import CopyLimits
from campaign_automation.clients.gemini_client import TextModel, as_answer
from campaign_automation.managers.ads.drafting import (
    MORE,
    PARTS,
    Brief,
    CopyOrder,
    Draft,
    drafts_in,
    prompt_for,
)
from campaign_automation.managers.ads.policy import avoided, style_problems, without_instructions
from campaign_automation.managers.campaigns.wording import claim_warning, style_warning
from campaign_automation.models.campaigns import AdCopy, CreateCampaign, Creative
from campaign_automation.models.creation.options import GivenTexts, Voice
from campaign_automation.utils.error_handler import AiModelError, ConfigurationError
from campaign_automation.utils.observability import emit, logger
from campaign_automation.utils.retry_strategy import ATTEMPT_TIMEOUT_SECONDS
from campaign_automation.utils.validation import NOT_A_CHARACTER

TEMPLATE, REQUEST = "template", "request"
_TEXTS_PER_REQUEST = 10
_REQUESTS_AT_ONCE = 8
# The limit of a further line is that of the first.
_LENGTH_OF = {"more_headlines": "headline", "more_descriptions": "description"}
Keep = Callable[[Mapping[str, AdCopy]], Awaitable[None]]  # of the copies by creative id

# Prices, shares, counts and superlatives: allowed only where the creative states them itself.
_FIGURES = re.compile(r"[$€£¥₩₹]|\d+(?:[.,]\d+)*\s*%?")
_CLAIMS = re.compile(
    r"(?i)\b(free|guarantee\w*|best|cheapest|lowest price|no\.? ?1|number one|proven|clinically|risk[- ]free"
    r"|discount|sale|money[- ]back|limited time|only today|award\w*|certified)\b"
    r"|免费|保证|最佳|最便宜|第一|打折|限时|认证"
)

# Fences and quotation marks, which models put around a plain text.
_FENCED = re.compile(r"```(?:\w*\n)?(.*?)```", re.DOTALL)
_QUOTED = re.compile('["\u201c]([^"\u201c\u201d]+)["\u201d]')

# Only some platforms refuse emoji, see CopyLimits.emoji.
_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f]")


class Copywriter:
    """The writer of ad copy. `models` are tried in order, each with the problems of the draft before it.

    With `takes_plain_text` an answer that is no JSON is the primary text; our own client asks for JSON by
    a schema, so there such an answer is an apology and no copy. After `seconds` it is the template.
    """

    def __init__(
        self,
        text_model: TextModel | None,
        models: Sequence[str],
        *,
        takes_plain_text: bool = False,
        seconds: float = ATTEMPT_TIMEOUT_SECONDS,
    ) -> None:
        self._text_model = text_model
        self._models = models
        self._takes_plain_text = takes_plain_text
        self._seconds = seconds
        self._turns: tuple[asyncio.AbstractEventLoop, asyncio.Semaphore] | None = None

    async def write(
        self,
        creative: Creative,
        objective: str,
        language: str,
        limits: CopyLimits,
        given: GivenTexts | None = None,
        voice: Voice | None = None,
    ) -> AdCopy:
        """Return copy within `limits` (characters), uncut, without prices or claims the creative lacks.

        The parts that are given stay as they are, and only the missing ones are written.
        """
        brief = Brief(objective, language, limits, voice or Voice())
        (copy,) = await self._written([CopyOrder(creative, given)], brief)
        return copy

    async def write_all(self, orders: Sequence[CopyOrder], brief: Brief, keep: Keep) -> None:
        """Write a text for each order, and hand each group of them to `keep` when it is there.

        The first model writes a group by one request; each text has its own checks and, with the next model,
        its own second try.
        """
        groups = self._groups(orders)
        work = (self._kept(group, brief, keep) for group in groups)
        # All end before an error is raised: whoever tries again shall find nothing under way.
        failures = [item for item in await asyncio.gather(*work, return_exceptions=True) if item is not None]
        if failures:
            raise failures[0]

    async def _kept(self, orders: Sequence[CopyOrder], brief: Brief, keep: Keep) -> None:
        copies = await self._written(orders, brief)
        await keep({order.creative.creative_id: copy for order, copy in zip(orders, copies, strict=True)})

    def _groups(self, orders: Sequence[CopyOrder]) -> list[Sequence[CopyOrder]]:
        """Divide the orders evenly over the requests that may be under way; a group stays small."""
        # A model takes longer for a longer answer, so that few texts are asked for by each request.
        even = math.ceil(len(orders) / _REQUESTS_AT_ONCE)
        size = 1 if self._takes_plain_text else max(1, min(even, _TEXTS_PER_REQUEST))
        return [orders[start : start + size] for start in range(0, len(orders), size)]

    async def _written(self, orders: Sequence[CopyOrder], brief: Brief) -> list[AdCopy]:
        """Return a copy for each order: its first draft without a problem, else the template."""
        # Words to the model in a product's name or tags are no facts of it.
        safe = [order._replace(creative=without_instructions(order.creative)) for order in orders]
        texts = [_Text(order, brief) for order in safe]
        until = asyncio.get_running_loop().time() + self._seconds
        for number, model in enumerate(self._models if self._text_model else ()):
            open_ = [text for text in texts if text.is_open(brief.limits)]
            # A group is asked for once: whatever refused one of its texts must not cost the others theirs.
            groups = [open_] if number == 0 and open_ else [[text] for text in open_]
            await asyncio.gather(*(self._try(group, brief, model, until) for group in groups))
        for _ in (text for text in texts if text.is_open(brief.limits)):
            emit("copy_generated_total", source=TEMPLATE)
        return [text.result(brief.limits) for text in texts]

    async def _try(self, texts: Sequence[_Text], brief: Brief, model: str, until: float) -> None:
        """Let a model draft the texts, and keep the drafts without a problem."""
        problems = texts[0].problems if len(texts) == 1 else []
        prompt = prompt_for([text.order for text in texts], brief, problems)
        try:
            drafts = await self._drafts(prompt, model, texts, until)
        except AiModelError as error:
            logger.warning("copy not generated", model=model, reason=error.message)
            return
        for number, text in enumerate(texts, 1):
            if (draft := drafts.get(number)) is None:
                continue
            text.judge(draft, brief)
            if text.copy is None:
                logger.info("copy refused", model=model, problems=text.problems)
            else:
                emit("copy_generated_total", source=model)

    async def _drafts(
        self, prompt: str, model: str, texts: Sequence[_Text], until: float
    ) -> dict[int, AdCopy]:
        """Return the model's drafts by number, if they come until then (in the time of the event loop)."""
        assert self._text_model is not None  # _written() checks
        try:
            async with asyncio.timeout_at(until), self._turn():
                answer = as_answer(await self._text_model.generate_content(prompt, model=model))
            drafts = self._parsed(answer["text"], texts)
            source = str(answer.get("model", model))
        except AiModelError:
            raise
        except ConfigurationError as error:  # the log is to name the secret
            raise AiModelError(error.message, model=model) from error
        except (ValidationError, ValueError, KeyError, TypeError) as error:
            raise AiModelError(f"{model} did not answer in the asked shape", model=model) from error
        except Exception as error:  # any client may be handed in, with exceptions of its own
            raise AiModelError(f"{model} failed: {type(error).__name__}", model=model) from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise  # this task is to end; else the client gave up by itself
            raise AiModelError(f"{model} gave up", model=model) from error
        return {number: _tidied(draft, source) for number, draft in drafts.items()}

    def _turn(self) -> asyncio.Semaphore:
        """Return the turns of requests to the model, which belong to an event loop."""
        loop = asyncio.get_running_loop()
        if self._turns is None or self._turns[0] is not loop:
            self._turns = loop, asyncio.Semaphore(_REQUESTS_AT_ONCE)
        return self._turns[1]

    def _parsed(self, text: str, texts: Sequence[_Text]) -> dict[int, Draft]:
        """Parse an answer; a plain text is completed with the template's headline and description.

        Raises ValueError for another one.
        """
        try:
            return drafts_in(text, len(texts))
        except ValueError:
            if not self._takes_plain_text or "{" in text or NOT_A_CHARACTER in text:
                raise
        template = texts[0].template
        parts = {"headline": template.headline, "description": template.description}
        return {1: Draft(primary_text=_unwrapped(text), **parts)}


class _Text:
    """One text while it is written: its drafts' problems, and the copy once there is one."""

    def __init__(self, order: CopyOrder, brief: Brief) -> None:
        self.order = order
        self._brief = brief
        self.problems: list[str] = []
        self.copy: AdCopy | None = None

    @cached_property
    def template(self) -> AdCopy:
        return template_copy(self.order.creative, self._brief)

    def is_open(self, limits: CopyLimits) -> bool:
        given = self.order.given
        return self.copy is None and not (given is not None and _is_whole(given, limits))

    def judge(self, draft: AdCopy, brief: Brief) -> None:
        creative = self.order.creative
        self.problems = find_problems(draft, creative, brief)
        if not self.problems:
            self.copy = _with_lines(draft, creative, brief)

    def result(self, limits: CopyLimits) -> AdCopy:
        """Return the copy, with the caller's own lines where there are any."""
        copy, given = self.copy or self.template, self.order.given
        if given is None:
            return copy
        source = REQUEST if _is_whole(given, limits) else f"{REQUEST}, {copy.source}"
        return with_given(copy, given, limits, source)


def _unwrapped(text: str) -> str:
    """Return a plain text without the fence or the quotation marks that models put around it."""
    if fenced := _FENCED.fullmatch(text.strip()):
        text = fenced[1]
    quoted = _QUOTED.fullmatch(text.strip())
    return quoted[1] if quoted else text


def find_problems(copy: AdCopy, creative: Creative, brief: Brief) -> list[str]:
    """Return the problems of a copy: empty or too long parts, figures and claims the creative lacks, and
    what the platform's editorial rules or the brand do not want."""
    problems = [
        f"{name} {problem}"
        for name in PARTS
        for problem in _line_problems(name, getattr(copy, name), creative, brief)
    ]
    text = f"{copy.primary_text} {copy.headline} {copy.description}"
    unwanted = [f'"{word}" is not to be used' for word in avoided(text, brief.voice)]
    return [
        *problems,
        *unwanted,
        *(f'"{claim}" is not stated by the product' for claim in _invented(text, creative)),
    ]


def with_given(copy: AdCopy, given: GivenTexts, limits: CopyLimits, source: str) -> AdCopy:
    """Return the copy with the caller's own parts in the place of the written ones.

    Of further lines the caller's stand alone, where they are enough for an ad.
    """
    own = {name: value for name in PARTS if (value := getattr(given, name))}
    copy = copy.model_copy(update={**own, "source": source})
    headlines = _lines(copy.headline, given.more_headlines, copy.more_headlines, limits.fewest_headlines)
    descriptions = _lines(
        copy.description, given.more_descriptions, copy.more_descriptions, limits.fewest_descriptions
    )
    return copy.model_copy(update={"more_headlines": headlines, "more_descriptions": descriptions})


def _lines(first: str, given: Sequence[str], written: Sequence[str], fewest: int) -> list[str]:
    """Return the lines beside the first one: the given ones and what they lack, else all written ones."""
    seen = {line.casefold() for line in (first, *given)}
    others = [line for line in written if line.casefold() not in seen]
    return [*given, *others[: max(0, fewest - 1 - len(given))]] if given else others


def _is_whole(given: GivenTexts, limits: CopyLimits) -> bool:
    """Return whether an ad needs nothing beside the given texts: where it shows one text, that one."""
    parts = PARTS if limits.shows_parts else PARTS[:1]
    has_lines = len(given.more_headlines) >= limits.fewest_headlines - 1
    return all(getattr(given, name) for name in parts) and has_lines


def claim_warnings(spec: CreateCampaign, creatives: Sequence[Creative], limits: CopyLimits) -> list[str]:
    """Return warnings of the caller's own texts: claims that their products do not state, broken rules."""
    known = {creative.creative_id: creative for creative in creatives}
    return [
        warning
        for index, texts in enumerate(spec.texts or [])
        for warning in claims_in(f"texts.{index}", texts, known[texts.creative_id], limits)
    ]


def claims_in(field: str, texts: GivenTexts, creative: Creative, limits: CopyLimits) -> Iterator[str]:
    """Yield a warning for each part of the texts with figures or claims that the product does not state, and
    for each rule of the platform that it breaks."""
    for name, value in texts:
        lines = value if isinstance(value, list) else [value] if name in PARTS and value else []
        if claims := _invented(" ".join(lines), creative):
            yield claim_warning(f"{field}.{name}", claims)
        rules = {rule for line in lines for rule in style_problems(name, line, creative, limits)}
        yield from (style_warning(f"{field}.{name}", rule) for rule in sorted(rules))


def _line_problems(part: str, text: str, creative: Creative, brief: Brief) -> list[str]:
    limit: int = getattr(brief.limits, _LENGTH_OF.get(part, part))
    problem = _line_problem(text, limit, brief.limits)
    return [*([problem] if problem else []), *style_problems(part, text, creative, brief.limits)]


def _line_problem(text: str, limit: int, limits: CopyLimits) -> str | None:
    if not text:
        return "is empty"
    # Google Ads counts a Chinese, Japanese or Korean character as two.
    wide = 0 if text.isascii() or not limits.wide_counts_double else sum(map(_is_wide, text))
    length = len(text) + wide
    if length > limit:
        return f"has {length} characters, {limit} are allowed"
    return "holds emoji" if not limits.emoji and _EMOJI.search(text) else None


def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"


def _invented(text: str, creative: Creative) -> list[str]:
    """Return the figures and claims in `text` that the creative itself does not make."""
    facts = " ".join([creative.name, creative.style or "", *creative.tags])
    return sorted(_claims(text) - _claims(facts))


def _claims(text: str) -> set[str]:
    return {found.group().strip().lower() for found in (*_FIGURES.finditer(text), *_CLAIMS.finditer(text))}


def _with_lines(copy: AdCopy, creative: Creative, brief: Brief) -> AdCopy:
    """Return the copy with as many different lines as the platform combines: the draft's, then fillers."""
    limits = brief.limits
    counts = {"more_headlines": limits.headlines, "more_descriptions": limits.descriptions}
    firsts = {"more_headlines": copy.headline, "more_descriptions": copy.description}
    lines = {
        part: _different_lines(part, firsts[part], getattr(copy, part), creative, brief, counts[part] - 1)
        for part in MORE
    }
    return copy.model_copy(update=lines)


def _different_lines(
    part: str, first: str, drafted: Sequence[str], creative: Creative, brief: Brief, most: int
) -> list[str]:
    """Return at most `most` good lines beside the first one, the drafted ones before the fillers."""
    seen = {first.casefold()}
    lines: list[str] = []
    for line in [*drafted, *_FILLERS[brief.language]]:
        if len(lines) >= most:
            break
        is_bad = (
            _line_problems(part, line, creative, brief)
            or _invented(line, creative)
            or avoided(line, brief.voice)
        )
        if not is_bad and line.casefold() not in seen:
            seen.add(line.casefold())
            lines.append(line)
    return lines


_TEMPLATES = {
    "en": (
        (
            "Discover {name}. See the details and find out if it suits you.",
            "Discover something made for you.",
        ),
        ("{name}", "Take a closer look"),
        ("See the details", "See the details"),
    ),
    "zh": (
        ("了解{name}。查看详情，看看是否适合您。", "了解为您准备的内容。"),
        ("{name}", "查看详情"),
        ("点击了解更多", "点击了解更多"),
    ),
}
_FILLERS = {
    "en": (
        "Find out more",
        "Take a closer look",
        "See the details",
        "Have a look around",
        "See what it is about",
    ),
    "zh": ("了解更多", "查看详情", "点击了解更多", "欢迎了解", "看看详情"),
}


def template_copy(creative: Creative, brief: Brief) -> AdCopy:
    """Return copy that states the creative's name only, and leaves it out where it does not fit whole."""
    name = _tidy(creative.name)
    texts = {}
    for part, (with_name, without) in zip(PARTS, _TEMPLATES[brief.language], strict=True):
        text = with_name.format(name=name)
        is_good = name and not _line_problems(part, text, creative, brief) and not avoided(text, brief.voice)
        texts[part] = text if is_good else without
    return _with_lines(AdCopy(**texts, source=TEMPLATE), creative, brief)


def _tidied(draft: Draft, source: str) -> AdCopy:
    texts = {name: _tidy(getattr(draft, name)) for name in PARTS}
    more = {name: [_tidy(line) for line in getattr(draft, name)] for name in MORE}
    return AdCopy(**texts, **more, source=source)


def _tidy(text: str) -> str:
    return " ".join(text.split())
