"""The inputs: what the OpenAPI document describes, what it does not, and JSON of any shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core import NOT_SET

from campaign_automation.actions import ACTIONS
from campaign_automation.api.openapi import document
from campaign_automation.managers.campaigns.creation import STEPS
from campaign_automation.steps import creation_step, failure_body
from campaign_automation.tasks import check_ab_test, evaluate_rule
from campaign_automation.utils.error_handler import CODES
from tests.fuzz.door import Door, actions

_TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", "0", "-1", "NaN", "1e999", "\x00", "../..", "ca-x", "user_456", "#campaign#", "null"]
    ),
)
_NUMBERS = st.one_of(
    st.integers(min_value=-(10**20), max_value=10**20),
    st.floats(),
    st.sampled_from([0, -1, 1e308, 10**400, 0.1]),
)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBERS, _TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXTS, inner, max_size=4)),
    max_leaves=12,
)


def documented(door: Door, count: int, chance: int) -> None:
    """Send `count` requests, half as the OpenAPI document describes them, and half against it."""
    schema = schemathesis.openapi.from_dict(document())
    operations = [item.ok() for item in schema.get_all_operations()]
    share = -(-count // (2 * len(operations)))
    for operation in operations:
        action = next(item for item in actions() if item.name == operation.definition.raw["operationId"])
        parameters = operation.definition.raw.get("parameters", [])
        can_be_wrong = action.has_body or any(item["in"] != "header" for item in parameters)
        # Where nothing is taken, or a header of any text, nothing can be wrong.
        for mode in GenerationMode if can_be_wrong else [GenerationMode.POSITIVE]:
            cases = operation.as_strategy(generation_mode=mode)

            def send(case: Any, action: Any = action) -> None:
                body = None if case.body is NOT_SET else json.dumps(case.body, default=str)
                given_path = {name: str(value) for name, value in (case.path_parameters or {}).items()}
                query = {name: str(value) for name, value in (case.query or {}).items()}
                headers = {str(name): str(value) for name, value in (case.headers or {}).items()}
                # Every other request names what there is.
                is_known = door.seen.total() % 2 == 0
                path = {name: door.known[name] for name in given_path} if is_known else given_path
                door.request(action, body, path, query, headers)

            _each(cases, share, chance, send)


def malformed(door: Door, count: int, chance: int) -> None:
    """Send `count` requests whose fields have the right names and any value, or whose body is any text."""
    share = -(-count // len(ACTIONS))
    for action in actions():
        fields = list(action.request.model_fields) or ["unknown"]
        bodies = st.one_of(
            st.dictionaries(st.sampled_from(fields), _JSON, max_size=len(fields)).map(_dumped),
            _JSON.map(_dumped),
            st.text(max_size=40),
        )
        queries = st.dictionaries(st.sampled_from(fields), _TEXTS, max_size=3)
        headers = st.dictionaries(
            st.sampled_from(["Idempotency-Key", "Content-Language", "X-Session-Id"]), _TEXTS, max_size=2
        )
        paths = st.fixed_dictionaries(
            {name: st.one_of(st.just(door.known[name]), _TEXTS) for name in action.path_names}
        )

        def send(parts: Any, action: Any = action) -> None:
            body, query, header, path = parts
            door.request(action, body if action.has_body else None, path, query, header)

        _each(st.tuples(bodies, queries, headers, paths), share, chance, send)


def payloads(door: Door, count: int, chance: int) -> None:
    """Hand `count` payloads to the tasks that the state machine and the schedules call."""
    share = -(-count // 4)
    ids = st.one_of(_TEXTS, st.sampled_from(list(door.known.values())))
    steps = st.fixed_dictionaries(
        {"step": st.sampled_from(sorted({*STEPS} - {"give_up"})), "tenant": _TEXTS, "campaign_id": ids},
        optional={"creative_id": _TEXTS, "failure": st.dictionaries(_TEXTS, _JSON, max_size=3)},
    )
    ticks = st.dictionaries(st.sampled_from(["tenant", "rule_id", "test_id", "scheduled_time"]), _JSON)
    _each(steps, share, chance, lambda event: door.task(creation_step, event))
    _each(ticks, share, chance, lambda event: door.task(evaluate_rule, event))
    _each(ticks, share, chance, lambda event: door.task(check_ab_test, event))
    causes = st.one_of(
        _JSON, _JSON.map(_dumped), st.dictionaries(st.just("errorMessage"), _JSON).map(_dumped)
    )
    failures = st.fixed_dictionaries({}, optional={"Error": _JSON, "Cause": causes})
    _each(failures, share, chance, lambda failure: _judge_failure(door, failure))


def _judge_failure(door: Door, failure: Any) -> None:
    door.seen["failure read"] += 1
    try:
        body = failure_body(failure)
        if body["code"] not in CODES:
            door.problems.append(f"failure {failure}: {body}")
    except Exception as error:  # of any kind: a crash is what is looked for
        door.problems.append(f"failure {failure}: {error!r}")


def _each(values: Any, count: int, chance: int, use: Callable[[Any], None]) -> None:
    """Use `count` values, drawn by the seed."""

    @seed(chance)
    @settings(
        max_examples=max(count, 1),
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(values)
    def run(value: Any) -> None:
        use(value)

    run()


def _dumped(value: Any) -> str:
    return json.dumps(value)
