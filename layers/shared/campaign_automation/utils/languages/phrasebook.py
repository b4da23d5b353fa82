"""English sentences said in another language: each is recognised by its pattern and said anew.

gettext and message keys were weighed: either would have each of a thousand sentences written at two places
and every store keep keys with values, and what older versions stored would stay English. A pattern costs
nothing where English is asked for.

| in a pattern | stands for                                                        |
|--------------|-------------------------------------------------------------------|
| {name}       | a value, which is said in the language too where it is of ours    |
| {name?}      | a value that may be missing                                       |
| {name!}      | a value that has to be said whole, as a state or counted objects  |
| <was|were>   | one of these                                                      |

The name of a value tells its form too: a number or code (_CODES), a name (_NAMES), a sentence (_SENTENCES).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from campaign_automation.utils.languages import moments

_PART = re.compile(r"\{([a-z_0-9]+)([?!]?)\}|<([^<>|]*(?:\|[^<>|]*)+)>")
_HOLE = re.compile(r"\{([a-z_0-9]+)\}")
_LATIN = re.compile("[A-Za-z]")
_MIXED = re.compile("[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9][\u4e00-\u9fff]")
_HAN = re.compile("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
# Values that are names or quotations: they stay as they are, also where they read like a phrase of ours.
_NAMES = frozenset("name names rule_name test_name platform account url word text id by quoted found".split())
# Values that may be whole sentences; others end where a sentence may.
_SENTENCES = frozenset(
    "advice asked backtest cause counts differences done elsewhere end_reason error few first found gaps held"
    " hint lines live message more named needs note objects problem reason reasons rest rule sample seen"
    " stored summary told words".split()
)
_CODES = {
    "n": r"[-+]?\d[\d,.]*",
    "metric": "[a-z_]+",
    "sign": "[<>]=?|!?=|(?:not )?between",
    "window": r"\w+",
}
# A list as pydantic writes it, of which the words between the values are ours.
_LIST = "expected"
_ENDS = re.compile(r"[;:.] |\n")
_WITHIN = r"(?:(?![;:.] |\n).)"
# A sentence of several parts, by what stands between them; the first that leaves the least is taken.
_BETWEEN: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\n"), "\n"),
    (re.compile(r"(?<=[.!?。]) "), ""),
    (re.compile(r"; "), "；"),
    (re.compile(r": "), "："),
    (re.compile(r", "), "、"),
    (re.compile(r" and "), "和"),
)
_LISTED = ("、", "和")  # between the parts of a list, or of anybody's sentence
_MOST_CUTS = 8  # of one kind at which a sentence is cut in two; a longer list is cut everywhere
# A text that somebody made up must not cost time: so many letters are read of it and its parts, and so many
# times its own number; the rest stays as it is.
_MOST_LETTERS, _MOST_TIMES = 20_000, 10
_DEEPEST = 30
_LONGEST = 30_000  # characters: a thousand wrong fields are less


class Reading(NamedTuple):
    """A text as it is said, and the number of Latin letters in it that no phrase accounts for."""

    said: str
    left: int


class Phrase:
    """One pattern and what is said for it."""

    def __init__(self, pattern: str, said: str) -> None:
        self._pattern = pattern
        self._said = said
        self.whole = {part[1] for part in _PART.finditer(pattern) if part[2] == "!"}
        literals = _PART.sub("\0", pattern).split("\0")
        # A look for its longest literal saves nearly all the matching.
        self.literal = max(literals, key=len)
        self.weight = sum(map(len, literals))

    @cached_property
    def _matchers(self) -> tuple[re.Pattern[str], ...]:
        """The pattern with values as short as they can be, and as long."""
        return tuple(re.compile(_expression(self._pattern, lazy), re.DOTALL) for lazy in ("?", ""))

    def values(self, text: str) -> Iterator[dict[str, str]]:
        """Yield the values of the pattern in `text`, in the one or two ways in which it fits."""
        seen: list[dict[str, str]] = []
        for matcher in self._matchers:
            found = matcher.fullmatch(text)
            if found and found.groupdict() not in seen:
                seen.append(found.groupdict())
                yield seen[-1]

    def filled(self, values: Mapping[str, str]) -> str:
        """Return what is said with `values`."""
        text = ""
        for literal, name in _parts(self._said):
            text = _set(_set(text, literal), values[name] if name else "")
        return text


class Phrasebook:
    """The phrases of one language, by the English patterns that they stand for."""

    def __init__(self, phrases: Mapping[str, str]) -> None:
        self._exact: dict[str, str] = {}
        found = []
        for pattern, said in phrases.items():
            if any(part[1] for part in _PART.finditer(pattern)):
                found.append(Phrase(pattern, said))
            else:
                self._exact |= dict.fromkeys(_alternatives(pattern), said)
        self._phrases = sorted(found, key=lambda phrase: -phrase.weight)

    def read(self, text: str) -> Reading:
        """Return `text` as it is said; names, codes and what nobody here has said stay as they are."""
        if len(text) > _LONGEST:
            return Reading(text, len(_LATIN.findall(text)))
        return _Reader(self._exact, self._phrases, _MOST_LETTERS + _MOST_TIMES * len(text)).read(text)


class _Reader:
    """The readings of one text and its parts; `most` letters are looked at."""

    def __init__(self, exact: Mapping[str, str], phrases: list[Phrase], most: int) -> None:
        self._exact = exact
        self._phrases = phrases
        self._known: dict[str, Reading] = {}
        self._left = most
        self._depth = 0

    def read(self, text: str) -> Reading:
        """Return the reading that leaves the fewest letters."""
        if (said := self._exact.get(text)) is not None:
            return Reading(said, 0)
        letters = len(_LATIN.findall(text))
        if not letters or (said := moments.said(text)) != text:
            return Reading(moments.said(text), 0)
        if text not in self._known:
            best = self._known[text] = Reading(text, letters)  # also where a part is the text itself
            self._left -= len(text)
            if self._left >= 0 and self._depth < _DEEPEST:
                self._depth += 1
                self._known[text] = self._best(text, best)
                self._depth -= 1
        return self._known[text]

    def _best(self, text: str, best: Reading) -> Reading:
        for phrase in self._phrases:
            if best.left == 0:
                return best
            if phrase.literal in text:
                for reading in self._filled(phrase, text):
                    best = _better(best, reading)
        for reading in self._cut(text):
            best = _better(best, reading)
        return best

    def _filled(self, phrase: Phrase, text: str) -> Iterator[Reading]:
        for values in phrase.values(text):
            readings = {name: self._value(name, value or "") for name, value in values.items()}
            if all(readings[name].left == 0 for name in phrase.whole):
                said = phrase.filled({name: reading.said for name, reading in readings.items()})
                yield Reading(said, sum(reading.left for reading in readings.values()))

    def _value(self, name: str, value: str) -> Reading:
        if name in _CODES:
            return Reading(value, 0)
        if name == _LIST:
            return Reading(value.replace(" or ", " 或 ").replace(" and ", " 和 "), 0)
        if name in _NAMES or name.endswith("_id"):
            # A value with the end of a sentence in it may be a name, or several sentences, each known.
            doubt = 1 + len(_LATIN.findall(value)) // 2 if _ENDS.search(value) else 0
            return Reading(value, doubt)
        return self.read(value)

    def _cut(self, text: str) -> Iterator[Reading]:
        """Yield the readings of a text as parts."""
        if text.endswith(".") and (inner := self.read(text[:-1])).said != text[:-1]:
            yield Reading(f"{inner.said}。", inner.left)
        for between, said in _BETWEEN:
            places = list(between.finditer(text))
            if len(places) > _MOST_CUTS:
                yield self._all(text, places, said)
                return
            for place in places:
                yield from self._two(text, place, said)

    def _all(self, text: str, places: Sequence[re.Match[str]], between: str) -> Reading:
        """Return the reading of a text that is cut at every place."""
        whole, left, start = "", 0, 0
        for place in places:
            part = text[start : place.start()]
            reading = self.read(part)
            whole += reading.said + (between if _is_said(reading, part) else place[0])
            left, start = left + reading.left, place.end()
        last = self.read(text[start:])
        return Reading(whole + last.said, left + last.left)

    def _two(self, text: str, place: re.Match[str], between: str) -> Iterator[Reading]:
        first, second = text[: place.start()], text[place.end() :]
        # The word before a colon is the name of a field, a rule or a platform, or a code.
        is_name = between == "：" and " " not in first
        head = Reading(first, len(_LATIN.findall(first))) if is_name else self.read(first)
        tail = self.read(second)
        if between in _LISTED and not (_is_said(head, first) and _is_said(tail, second)):
            return
        # A part that stays as it is keeps its own punctuation.
        gap = between if is_name or _is_said(head, first) else place[0]
        yield Reading(f"{head.said}{gap}{tail.said}", head.left + tail.left)


def _is_said(reading: Reading, text: str) -> bool:
    return reading.left == 0 or reading.said != text


def _set(text: str, more: str) -> str:
    """Return two parts together: a space sets Latin words and numbers off from Chinese, and nothing else."""
    if _HAN.match(text.rstrip()[-1:]) and _HAN.match(more.lstrip()[:1]):
        return text.rstrip() + more.lstrip()
    sides = text[-1:] + more[:1]
    return f"{text} {more}" if _MIXED.fullmatch(sides) else text + more


def _better(best: Reading, other: Reading) -> Reading:
    return other if other.left < best.left else best


def _alternatives(pattern: str) -> list[str]:
    """Return a pattern without holes with each of its alternatives."""
    found = _PART.search(pattern)
    if found is None:
        return [pattern]
    words = found[3].split("|")
    rests = _alternatives(pattern[found.end() :])
    return [f"{pattern[: found.start()]}{word}{rest}" for word in words for rest in rests]


def _expression(pattern: str, lazy: str) -> str:
    """Return the regular expression of a pattern."""
    expression, end = "", 0
    for part in _PART.finditer(pattern):
        expression += re.escape(pattern[end : part.start()])
        end = part.end()
        if part[3] is not None:
            expression += f"(?:{'|'.join(map(re.escape, part[3].split('|')))})"
        else:
            expression += f"(?P<{part[1]}>{_form(part[1], '*' if part[2] == '?' else '+', lazy)})"
    return expression + re.escape(pattern[end:])


def _form(name: str, times: str, lazy: str) -> str:
    if name in _CODES:
        return _CODES[name]
    is_open = name in _NAMES or name in _SENTENCES or name.endswith(("_id", "_reason"))
    return f"{'.' if is_open else _WITHIN}{times}{lazy}"


def _parts(said: str) -> Iterator[tuple[str, str]]:
    """Yield each literal with the name of the value that follows it, the last with none."""
    end = 0
    for hole in _HOLE.finditer(said):
        yield said[end : hole.start()], hole[1]
        end = hole.end()
    yield said[end:], ""
