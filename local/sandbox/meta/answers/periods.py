"""The days an insights query asks for, in the account's time zone."""

from collections.abc import Iterator
from datetime import date, timedelta

from local.sandbox.meta.errors import GraphError, wrong_param
from local.sandbox.meta.params import Params

MAX_MONTHS_BACK = 37
MAX_STEP_DAYS = 90


def asked_period(params: Params, today: date) -> tuple[date, date]:
    """First and last day, both included; the default is the last 30 full days. Raises GraphError."""
    if "time_range" not in params:
        return _preset(params.text("date_preset", "last_30d"), today)
    raw = params.mapping("time_range")
    try:
        first, last = date.fromisoformat(raw["since"]), date.fromisoformat(raw["until"])
    except (KeyError, TypeError, ValueError):
        raise wrong_param("Param time_range needs since and until as YYYY-MM-DD", "time_range") from None
    if first > last:
        raise wrong_param("time_range since must not be later than until", "time_range")
    if first < _earliest(today):
        raise GraphError("(#3018) The start date of the time range cannot be beyond 37 months", 3018)
    return first, last


def steps(params: Params, first: date, last: date) -> Iterator[tuple[date, date]]:
    """The stretches rows are made for: all days in one, or `time_increment` days each."""
    step = params.text("time_increment", "all_days")
    if step == "all_days":
        yield first, last
        return
    if not step.isdigit() or not 1 <= int(step) <= MAX_STEP_DAYS:
        raise wrong_param(f"Param time_increment must be all_days or 1 to {MAX_STEP_DAYS}", "time_increment")
    while first <= last:
        end = min(first + timedelta(days=int(step) - 1), last)
        yield first, end
        first = end + timedelta(days=1)


def _earliest(today: date) -> date:
    return today - timedelta(days=MAX_MONTHS_BACK * 30)


def _preset(name: str, today: date) -> tuple[date, date]:
    yesterday, month = today - timedelta(days=1), today.replace(day=1)
    last_month = month - timedelta(days=1)
    known = {
        "today": (today, today),
        "yesterday": (yesterday, yesterday),
        "this_month": (month, today),
        "last_month": (last_month.replace(day=1), last_month),
        "maximum": (_earliest(today), today),
    }
    known |= {f"last_{n}d": (today - timedelta(days=n), yesterday) for n in (3, 7, 14, 28, 30, 90)}
    if name not in known:
        raise wrong_param(f"Param date_preset must be one of {{{', '.join(known)}}}", "date_preset")
    return known[name]
