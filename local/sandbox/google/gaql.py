"""The Google Ads Query Language: SELECT, FROM, WHERE, ORDER BY, LIMIT, over the vendor's row messages."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from local.sandbox.google.errors import AdsError, Refusal
from local.sandbox.google.messages import GoogleAdsRow, Message

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
    r"""|(?P<symbol>!=|>=|<=|[=<>(),])|(?P<word>[A-Za-z0-9_.\-:]+))"""
)
_LIST_OPERATORS = ("IN", "NOT IN", "CONTAINS ANY", "CONTAINS ALL", "CONTAINS NONE")


@dataclass(frozen=True)
class Condition:
    """`operand` is one text, a list of texts, or a pair for BETWEEN."""

    path: str
    operator: str
    operand: Any


@dataclass
class Query:
    fields: list[str]
    resource: str
    conditions: list[Condition] = field(default_factory=list)
    order: list[tuple[str, bool]] = field(default_factory=list)  # path, descending
    limit: int | None = None

    @property
    def mentioned(self) -> set[str]:
        return {*self.fields, *(c.path for c in self.conditions), *(path for path, _ in self.order)}

    def selects(self, prefix: str) -> bool:
        return any(path.startswith(prefix) for path in self.fields)


def parse(text: str) -> Query:
    """The query behind `text`. Raises Refusal with a query_error."""
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._next = 0

    def query(self) -> Query:
        self._expect("SELECT", "EXPECTED_SELECT")
        fields = self._paths()
        self._expect("FROM", "EXPECTED_FROM")
        query = Query(fields, self._take())
        if self._skip("WHERE"):
            query.conditions.append(self._condition())
            while self._skip("AND"):
                query.conditions.append(self._condition())
        if self._skip("ORDER"):
            self._expect("BY", "EXPECTED_BY")
            query.order.append(self._ordering())
            while self._skip(","):
                query.order.append(self._ordering())
        if self._skip("LIMIT"):
            query.limit = self._number()
        if self._skip("PARAMETERS"):
            self._next = len(self._tokens)
        if self._peek():
            raise refused("UNEXPECTED_INPUT", f"unexpected {self._peek()}")
        return query

    def _paths(self) -> list[str]:
        paths = [self._take()]
        while self._skip(","):
            paths.append(self._take())
        return paths

    def _condition(self) -> Condition:
        path, operator = self._take(), self._operator()
        if operator in ("IS NULL", "IS NOT NULL"):
            return Condition(path, operator, None)
        if operator in _LIST_OPERATORS:
            return Condition(path, operator, self._list())
        if operator == "BETWEEN":
            low = self._value()
            self._expect("AND", "EXPECTED_AND")
            return Condition(path, operator, (low, self._value()))
        return Condition(path, operator, self._value())

    def _operator(self) -> str:
        word = self._take().upper()
        if word in ("NOT", "CONTAINS"):
            word = f"{word} {self._take().upper()}"
        if word == "IS":
            word = "IS NOT NULL" if self._skip("NOT") else "IS NULL"
            self._expect("NULL", "BAD_OPERATOR")
        if word not in (*_OPERATORS, *_LIST_OPERATORS):
            raise refused("BAD_OPERATOR", f"{word} is not an operator")
        return word

    def _list(self) -> list[str]:
        self._expect("(", "EXPECTED_LIST")
        if self._peek() == ")":
            raise refused("PROHIBITED_EMPTY_LIST_IN_CONDITION", "the list is empty")
        values = [self._value()]
        while self._skip(","):
            values.append(self._value())
        self._expect(")", "EXPECTED_LIST")
        return values

    def _value(self) -> str:
        token = self._take()
        return re.sub(r"\\(.)", r"\1", token[1:-1]) if token[0] in "'\"" else token

    def _ordering(self) -> tuple[str, bool]:
        path = self._take()
        if self._skip("DESC"):
            return path, True
        self._skip("ASC")
        return path, False

    def _number(self) -> int:
        word = self._take()
        if not word.isdigit():
            raise refused("BAD_LIMIT_VALUE", f"{word} is not a limit")
        return int(word)

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        if not token:
            raise refused("UNEXPECTED_END_OF_QUERY", "the query ends too early")
        self._next += 1
        return token

    def _skip(self, word: str) -> bool:
        if self._peek().upper() != word:
            return False
        self._next += 1
        return True

    def _expect(self, word: str, problem: str) -> None:
        if not self._skip(word):
            raise refused(problem, f"expected {word} before {self._peek() or 'the end'}")


def _tokens(text: str) -> Iterator[str]:
    place = 0
    text = text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            rest = text[place:].lstrip()
            problem = "STRING_NOT_TERMINATED" if rest[0] in "'\"" else "BAD_SYMBOL"
            raise refused(problem, f"cannot read {rest[:20]}")
        place = match.end()
        yield match.group().strip()


def refused(name: str, words: str) -> Refusal:
    return Refusal([AdsError(f"query_error.{name}", f"Error in query: {words}.")])


def steps_of(path: str) -> list[str]:
    """`path` as names of the message fields. Raises Refusal for one that does not exist."""
    descriptor, steps = GoogleAdsRow.DESCRIPTOR, []
    for part in path.split("."):
        names = descriptor.fields_by_name if descriptor else {}
        name = next((name for name in (part, f"{part}_") if name in names), None)
        if name is None:
            raise refused("UNRECOGNIZED_FIELD", f"unrecognized field in the query: '{path}'")
        steps.append(name)
        descriptor = names[name].message_type
    return steps


def value_at(row: Message, path: str) -> Any:
    """The value in WHERE's terms: enums by name; messages and lists as they are."""
    steps = steps_of(path)
    for step in steps[:-1]:
        row = getattr(row, step)
    descriptor = row.DESCRIPTOR.fields_by_name[steps[-1]]
    value = getattr(row, steps[-1])
    if not descriptor.enum_type:
        return value
    names = descriptor.enum_type.values_by_number
    if descriptor.label == descriptor.LABEL_REPEATED:
        return [names[item].name for item in value]
    return names[value].name


def holds(condition: Condition, row: Message, today: date) -> bool:
    """Whether `row` meets `condition`. Raises Refusal for an enum constant that does not exist."""
    value = value_at(row, condition.path)
    if condition.operator in _LIST_OPERATORS:
        return _in_list(condition, value)
    return _OPERATORS[condition.operator](value, condition.operand, today)


def _in_list(condition: Condition, value: Any) -> bool:
    if condition.operator in ("IN", "NOT IN"):
        is_in = any(_same(value, operand) for operand in condition.operand)
        return is_in == (condition.operator == "IN")
    found = [any(_same(item, operand) for item in value) for operand in condition.operand]
    return {"ANY": any(found), "ALL": all(found), "NONE": not any(found)}[condition.operator.split()[1]]


def _same(value: Any, operand: str) -> bool:
    if isinstance(value, bool):
        return value == (operand.upper() == "TRUE")
    return bool(value == _like(value, operand))


def _like(value: Any, operand: str) -> Any:
    """The operand in the value's type."""
    if isinstance(value, str):
        return operand
    try:
        return type(value)(operand)
    except (TypeError, ValueError):
        raise refused("BAD_NUMBER", f"{operand} is not a number") from None


def _matches(value: str, pattern: str) -> bool:
    parts = re.split(r"(%|_|\[[%_\[\]]\])", pattern)
    wild = {"%": ".*", "_": "."}
    expression = "".join(wild.get(part) or re.escape(part.strip("[]") if part else "") for part in parts)
    return re.fullmatch(expression, value, re.IGNORECASE | re.DOTALL) is not None


def _during(value: str, name: str, today: date) -> bool:
    yesterday = today - timedelta(days=1)
    spans = {
        "TODAY": (today, today),
        "YESTERDAY": (yesterday, yesterday),
        "LAST_7_DAYS": (today - timedelta(days=7), yesterday),
        "LAST_14_DAYS": (today - timedelta(days=14), yesterday),
        "LAST_30_DAYS": (today - timedelta(days=30), yesterday),
        "THIS_MONTH": (today.replace(day=1), today),
    }
    if name.upper() not in spans:
        raise refused("INVALID_VALUE_WITH_DURING_OPERATOR", f"{name} is not a range of dates")
    first, last = spans[name.upper()]
    return first.isoformat() <= value <= last.isoformat()


_OPERATORS: dict[str, Callable[[Any, Any, date], bool]] = {
    "=": lambda value, operand, _: _same(value, operand),
    "!=": lambda value, operand, _: not _same(value, operand),
    ">": lambda value, operand, _: value > _like(value, operand),
    ">=": lambda value, operand, _: value >= _like(value, operand),
    "<": lambda value, operand, _: value < _like(value, operand),
    "<=": lambda value, operand, _: value <= _like(value, operand),
    "LIKE": lambda value, operand, _: _matches(value, operand),
    "NOT LIKE": lambda value, operand, _: not _matches(value, operand),
    "BETWEEN": lambda value, pair, _: _like(value, pair[0]) <= value <= _like(value, pair[1]),
    "DURING": _during,
    "IS NULL": lambda value, _, __: not value,
    "IS NOT NULL": lambda value, _, __: bool(value),
}


def check_enums(conditions: Sequence[Condition]) -> None:
    """Refuses constants that an enum field does not have, as Google does."""
    for condition in conditions:
        steps = steps_of(condition.path)
        descriptor = GoogleAdsRow.DESCRIPTOR
        for step in steps[:-1]:
            descriptor = descriptor.fields_by_name[step].message_type
        enum = descriptor.fields_by_name[steps[-1]].enum_type
        operands = condition.operand if isinstance(condition.operand, list) else [condition.operand]
        for operand in operands if enum and condition.operand else []:
            if operand not in enum.values_by_name:
                raise refused("BAD_ENUM_CONSTANT", f"{operand} is not a constant of {condition.path}")
