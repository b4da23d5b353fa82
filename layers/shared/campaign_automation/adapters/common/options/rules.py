"""Rules of a platform on a request's optional settings, and the refusal of the rest by field.

Each adapter states its rules; one walk over them checks every request alike, so that no platform drops in
silence what another one takes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from campaign_automation.adapters.base import CopyLimits
from campaign_automation.adapters.common.text import display_width, has_emoji
from campaign_automation.models.campaigns import CreateCampaign
from campaign_automation.models.common import AdAccount, Objective
from campaign_automation.models.creation.options import GivenTexts, Keyword
from campaign_automation.models.creation.settings import Bidding
from campaign_automation.utils.error_handler import InvalidRequestError

_PARTS = ("primary_text", "headline", "description")
_LINES = {"more_headlines": "headline", "more_descriptions": "description"}
# The macros of all three platforms, so that one of another platform is recognised and not sent as text.
_MACRO = re.compile(r"\{\{[^{}]*\}\}|\{[^{}]*\}|__[A-Za-z0-9]+(?:_[A-Za-z0-9]+)*__")
_NONE: Mapping[str, Any] = MappingProxyType({})
LOWEST_COST = "lowest_cost"


class TextRules(NamedTuple):
    """The most characters of each part of an ad; None for a part that its ads do not show.

    `headlines` and `descriptions` count the lines of each kind altogether. `shown` are the limits past which
    a text is taken but cut. In a headline none of `not_in_headlines` may stand, in no line `nowhere`.
    """

    primary_text: int
    headline: int | None = None
    description: int | None = None
    headlines: int = 1
    descriptions: int = 1
    emoji: bool = True
    wide_counts_double: bool = False
    shown: CopyLimits | None = None
    not_in_headlines: str = ""
    nowhere: re.Pattern[str] | None = None


class KeywordRules(NamedTuple):
    """The most words of a keyword, and the signs that stand in none."""

    words: int
    signs: re.Pattern[str]


class OptionRules(NamedTuple):
    """The settings that a platform's campaigns of one kind take; what is empty here cannot be given.

    `languages` maps our codes to what the platform calls them; with `own_languages` its own keys, in digits,
    are taken too.
    """

    platform: str
    name: str  # as a sentence begins with it
    texts: TextRules
    calls_to_action: Collection[str] = ()
    macros: Collection[str] = ()
    languages: Mapping[str, Any] = _NONE
    own_languages: bool = False
    genders: bool = True
    placements: Mapping[str, Any] = _NONE
    audiences: bool = True
    excluded_countries: bool = True
    bid_strategies: Collection[str] = ()  # beside lowest cost
    bid_switches: Collection[frozenset[str]] = ()  # between which an existing campaign can be moved
    name_width: int = 255  # of a campaign's name, with our tag
    name_emoji: bool = True
    keywords: KeywordRules | None = None


def refused(field: str, name: str, problem: str, allowed: Any = None) -> InvalidRequestError:
    """Return the refusal of a field that a platform cannot express, with what would be right."""
    return InvalidRequestError(f"{field}: {name} {problem}", field=field, allowed=allowed)


def check_options(spec: CreateCampaign, rules: OptionRules, account: AdAccount, now: datetime) -> list[str]:
    """Return warnings. Raises InvalidRequestError by field for a setting that the platform does not have."""
    _check_call_to_action(spec, rules)
    _check_tracking(spec, rules)
    _check_people(spec, rules)
    _check_places(spec, rules)
    _check_keywords(spec, rules)
    _check_times(spec, now)
    bidding = Bidding(spec.bid_strategy, None if spec.bid_strategy == LOWEST_COST else _target_of(spec))
    check_bidding(bidding, spec.objective, rules, account)
    return check_texts(spec.texts or [], rules)


def _check_call_to_action(spec: CreateCampaign, rules: OptionRules) -> None:
    asked, known = spec.call_to_action, sorted(rules.calls_to_action)
    if asked is None or asked in known:
        return
    problem = f"has no button {asked} on these ads" if known else "chooses the button of these ads itself"
    raise refused("call_to_action", rules.name, f"{problem}; {_instead(known)}", known or None)


def _instead(known: Sequence[str]) -> str:
    return f"give one of {', '.join(known)}" if known else "leave it out"


def _check_tracking(spec: CreateCampaign, rules: OptionRules) -> None:
    if spec.tracking is None:
        return
    if not rules.macros:
        raise refused("tracking", rules.name, "takes no URL for these ads; leave it out")
    for name, value in spec.tracking.url_parameters.items():
        strange = [macro for macro in _MACRO.findall(value) if macro not in rules.macros]
        rest = _MACRO.sub("", value)
        if strange or "{" in rest or "}" in rest:
            raise refused(
                f"tracking.url_parameters.{name}",
                rules.name,
                f"does not know the macro {strange[0] if strange else value}; its macros are"
                f" {', '.join(sorted(rules.macros))}",
                sorted(rules.macros),
            )


def _check_people(spec: CreateCampaign, rules: OptionRules) -> None:
    if spec.genders and not rules.genders:
        raise refused("genders", rules.name, "cannot target genders in these campaigns; leave it out")
    for code in spec.languages:
        if code not in rules.languages and not (rules.own_languages and code.isdigit()):
            own = " and the platform's own keys, in digits" if rules.own_languages else ""
            known = ", ".join(sorted(rules.languages))
            problem = f"has no language {code}; it knows {known}{own}"
            raise refused("languages", rules.name, problem, sorted(rules.languages))


def _check_places(spec: CreateCampaign, rules: OptionRules) -> None:
    for field in ("audiences", "excluded_audiences"):
        if getattr(spec, field) and not rules.audiences:
            raise refused(field, rules.name, "takes no lists of people in these campaigns; leave it out")
    if spec.excluded_countries and not rules.excluded_countries:
        problem = "shows the ads in the given places alone and cannot exclude others; leave it out"
        raise refused("excluded_countries", rules.name, problem)
    if (spec.regions or spec.cities) and "country" in spec.split_by and len(spec.target_countries) > 1:
        raise InvalidRequestError(
            "split_by: the countries of regions and cities are not known here; split by age, or create one"
            " campaign per country",
            field="split_by",
            allowed=["age"],
        )
    chosen = [] if spec.placements == "automatic" else spec.placements
    if strange := [name for name in chosen if name not in rules.placements]:
        known = sorted(rules.placements)
        words = f"give automatic or some of {', '.join(known)}" if known else "leave it out"
        problem = f"cannot place these ads on {', '.join(strange)}; {words}"
        raise refused("placements", rules.name, problem, ["automatic", *known])


def _check_keywords(spec: CreateCampaign, rules: OptionRules) -> None:
    for field in ("keywords", "negative_keywords"):
        asked: list[Keyword] = getattr(spec, field)
        if asked and rules.keywords is None:
            raise refused(field, rules.name, "has no keywords in these campaigns; leave it out")
        known: set[tuple[str, str]] = set()
        for index, keyword in enumerate(asked):
            # Case and spaces make no other keyword.
            same = (" ".join(keyword.text.casefold().split()), keyword.match_type)
            if same in known:
                raise refused(f"{field}.{index}", rules.name, f"takes {keyword.text!r} once per match type")
            known.add(same)
            _check_keyword(f"{field}.{index}.text", keyword.text, rules)


def _check_keyword(field: str, text: str, rules: OptionRules) -> None:
    if rules.keywords is None:
        return
    if sign := rules.keywords.signs.search(text):
        raise refused(field, rules.name, f"takes no {sign.group()!r} in a keyword; the match type is a field")
    if len(text.split()) > rules.keywords.words:
        problem = f"takes at most {rules.keywords.words} words in a keyword"
        raise refused(field, rules.name, problem, f"<= {rules.keywords.words} words")


def _check_times(spec: CreateCampaign, now: datetime) -> None:
    if spec.start_time and spec.start_time <= now:
        raise InvalidRequestError(
            "start_time: lies in the past; leave it out to start as soon as the campaign is switched on",
            field="start_time",
        )
    if spec.end_time and spec.end_time <= now:
        raise InvalidRequestError("end_time: lies in the past", field="end_time")


def _target_of(spec: CreateCampaign) -> Decimal | None:
    target: Decimal | None = getattr(spec, spec.bid_strategy)
    return target


def check_bidding(bidding: Bidding, objective: Objective, rules: OptionRules, account: AdAccount) -> None:
    """Raise InvalidRequestError for a strategy that the objective does not have, or a target out of range."""
    (asked, target), known = bidding, [LOWEST_COST, *sorted(rules.bid_strategies)]
    if asked not in known:
        problem = f"cannot bid by {asked} in {objective} campaigns; give {' or '.join(known)}"
        raise refused("bid_strategy", rules.name, problem, known)
    if asked == "target_cpa" and target and target % account.budget_step:
        problem = f"takes amounts in steps of {account.budget_step} {account.currency}"
        raise refused("target_cpa", rules.name, problem, f"multiples of {account.budget_step}")
    if asked == "target_roas" and target and (target > 1000 or target * 100 % 1):
        raise refused("target_roas", rules.name, "takes a return of 0.01 to 1000, with two decimals")


# --- texts --------------------------------------------------------------------------------------------------


def check_texts(texts: Sequence[GivenTexts], rules: OptionRules) -> list[str]:
    """Return warnings of lines that are cut. Raises InvalidRequestError for one that cannot be shown."""
    return [warning for index, item in enumerate(texts) for warning in _texts(index, item, rules)]


def _texts(index: int, texts: GivenTexts, rules: OptionRules) -> Iterator[str]:
    """Yield warnings of lines that are cut. Raises InvalidRequestError for one that cannot be shown."""
    for part in _PARTS:
        line = getattr(texts, part)
        if line is not None:
            yield from _line(f"texts.{index}.{part}", part, line, rules)
    for lines, part in _LINES.items():
        given = getattr(texts, lines)
        for place, line in enumerate(given):
            yield from _line(f"texts.{index}.{lines}.{place}", part, line, rules)
        most = getattr(rules.texts, f"{part}s")
        if len(given) > most - 1:
            problem = f"shows at most {most} {part}{'s' if most > 1 else ''} in one of these ads"
            raise refused(f"texts.{index}.{lines}", rules.name, problem, f"<= {most - 1} entries")


def fit_texts(texts: GivenTexts, rules: OptionRules) -> GivenTexts:
    """Return the texts without the parts and lines that the platform refuses."""
    parts = {part: _if_it_fits(part, getattr(texts, part), rules) for part in _PARTS}
    more = {name: _fitting(part, getattr(texts, name), rules) for name, part in _LINES.items()}
    return texts.model_copy(update={**parts, **more})


def _if_it_fits(part: str, line: str | None, rules: OptionRules) -> str | None:
    return line if line and _fits(part, line, rules) else None


def _fitting(part: str, lines: Sequence[str], rules: OptionRules) -> list[str]:
    """Return as many of further lines as an ad shows."""
    most: int = getattr(rules.texts, f"{part}s")
    return [line for line in lines if _fits(part, line, rules)][: most - 1]


def _fits(part: str, line: str, rules: OptionRules) -> bool:
    try:
        list(_line(part, part, line, rules))
    except InvalidRequestError:
        return False
    return True


def _line(field: str, part: str, line: str, rules: OptionRules) -> Iterator[str]:
    most, texts = getattr(rules.texts, part), rules.texts
    if most is None:
        raise refused(field, rules.name, "shows one text in an ad: give primary_text and leave this out")
    length = display_width(line) if texts.wide_counts_double else len(line)
    if length > most:
        counted = " (East Asian ones count two)" if texts.wide_counts_double else ""
        problem = f"takes at most {most} characters here{counted}, and this has {length}"
        raise refused(field, rules.name, problem, f"<= {most} characters")
    if not texts.emoji and has_emoji(line):
        raise refused(field, rules.name, "takes no emoji")
    if odd := _odd_sign(part, line, texts):
        raise refused(field, rules.name, f"does not allow {odd!r} here (its editorial policy)")
    shown = getattr(texts.shown, part) if texts.shown else most
    if length > shown:
        yield f"{rules.platform}: {field} is cut after {shown} characters in most placements"


def _odd_sign(part: str, line: str, texts: TextRules) -> str | None:
    if part == "headline" and (found := [sign for sign in texts.not_in_headlines if sign in line]):
        return found[0]
    match = texts.nowhere.search(line) if texts.nowhere else None
    return match.group() if match else None


# --- URL parameters -----------------------------------------------------------------------------------------


def query_of(parameters: Mapping[str, str]) -> str:
    """Return URL parameters as the platforms take them: as given, since an encoded macro is none."""
    return "&".join(f"{name}={value}" for name, value in parameters.items())


def with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    """Return the URL with the parameters added."""
    page, hash_sign, fragment = url.partition("#")
    return f"{page}{'&' if '?' in page else '?'}{query_of(parameters)}{hash_sign}{fragment}"


def parameters_of(query: str) -> dict[str, str]:
    """Return the parameters of a query, or of a whole URL, as they stand in it."""
    if not query:
        return {}
    pairs = query.partition("#")[0].rpartition("?")[2].split("&")
    return {name: value for name, sign, value in (pair.partition("=") for pair in pairs) if sign}
