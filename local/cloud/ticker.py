"""EventBridge Scheduler's other half: moto stores the schedules, this fires them."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from local.cloud.aws import ACCOUNT, REGION, Clients
from local.cloud.schedules import Schedule, last_due
from local.cloud.stack.permissions import Need, Permissions
from local.cloud.workers.runtime import Runtime, UnknownFunctionError

DELIVERIES = {"lambda": "lambda:InvokeFunction", "sqs": "sqs:SendMessage", "states": "states:StartExecution"}
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class UnknownScheduleError(Exception):
    """There is no schedule of that name."""


@dataclass(frozen=True)
class Firing:
    """One schedule that fired: for which time, at what target, and what the target answered."""

    schedule: str
    scheduled_time: str
    target: str
    failed: bool
    answer: Any

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


Deliver = Callable[[dict[str, Any], str], tuple[bool, Any]]


class Ticker:
    """Decides which schedules are due and hands their input to their targets.

    A schedule fires once per tick at most: when the clock jumped over several due times, for the last of
    them. Time comes in as `now`, so the wall clock and the sandbox's virtual clock serve alike.
    """

    def __init__(
        self,
        schedules: Callable[[], Iterable[Schedule]],
        deliver: Deliver,
        delete: Callable[[Schedule], None],
    ) -> None:
        self._schedules = schedules
        self._deliver = deliver
        self._delete = delete
        self._created: dict[str, datetime] = {}
        self._handled: dict[str, datetime] = {}
        self._last_tick = LONG_AGO
        self._ticking = threading.Lock()

    def created(self, group: str, name: str, now: datetime) -> None:
        """Note when a schedule was made: nothing due before that is fired."""
        key = f"{group}/{name}"
        self._created[key] = now
        self._handled.pop(key, None)

    def tick(self, now: datetime) -> list[Firing]:
        """Fire what has become due since the last tick, and wait for the answers."""
        return self.tick_after(lambda: now)

    def tick_after(self, move: Callable[[], datetime]) -> list[Firing]:
        """Move the clock and fire what is due then; nobody else's tick comes in between."""
        with self._ticking:
            now = move()
            if now < self._last_tick:
                self._clock_set_back(now)
            self._last_tick = now
            due = [(s, time) for s in self._schedules() if (time := self._take_due(s, now))]
            return [self._fire(schedule, time) for schedule, time in due]

    def fire(self, name: str, now: datetime) -> Firing:
        """Fire one schedule now, due or not, enabled or not. `name` may be "group/name".

        Raises UnknownScheduleError.
        """
        for schedule in self._schedules():
            if name in (schedule.name, schedule.key):
                return self._fire(schedule, now)
        raise UnknownScheduleError(name)

    def _take_due(self, schedule: Schedule, now: datetime) -> datetime | None:
        """The due time to fire for, noted as handled also when the schedule is disabled."""
        created = self._created.setdefault(schedule.key, now)
        due = last_due(schedule, created, now)
        if due is None or due < created or due <= self._handled.get(schedule.key, LONG_AGO):
            return None
        self._handled[schedule.key] = due
        return due if schedule.enabled else None

    def _clock_set_back(self, now: datetime) -> None:
        """Start over from `now`, as if every schedule had been made just before it."""
        self._created = {key: min(created, now) for key, created in self._created.items()}
        self._handled = dict.fromkeys(self._handled, now)

    def _fire(self, schedule: Schedule, time: datetime) -> Firing:
        failed, answer = self._deliver(schedule.target, target_input(schedule, time))
        if schedule.delete_after and schedule.is_one_time:
            self._delete(schedule)
        return Firing(schedule.name, _stamp(time), schedule.target["Arn"], failed, answer)


def target_input(schedule: Schedule, time: datetime) -> str:
    """What the target receives: its Input with the scheduler's keywords filled in, or the default event."""
    keywords = {
        "<aws.scheduler.scheduled-time>": _stamp(time),
        "<aws.scheduler.schedule-arn>": schedule.arn,
        "<aws.scheduler.execution-id>": str(uuid.uuid4()),
        "<aws.scheduler.attempt-number>": "1",
    }
    text: str = schedule.target.get("Input") or json.dumps(_default_event(schedule, time))
    for keyword, value in keywords.items():
        text = text.replace(keyword, value)
    return text


def stored_schedules() -> list[Schedule]:
    """The schedules moto holds, read in process: over HTTP it would be one call for each, every second."""
    from moto.backends import get_backend

    groups = get_backend("scheduler")[ACCOUNT][REGION].schedule_groups
    return [_schedule(s.to_dict()) for group in list(groups.values()) for s in list(group.schedules.values())]


def deleter(aws: Clients) -> Callable[[Schedule], None]:
    """Deletes a schedule that asked for it after its completion."""

    def delete(schedule: Schedule) -> None:
        scheduler = aws["scheduler"]
        try:
            scheduler.delete_schedule(Name=schedule.name, GroupName=schedule.group)
        except scheduler.exceptions.ResourceNotFoundException:
            return  # what it called has deleted it already

    return delete


def deliverer(runtime: Runtime, aws: Clients, permissions: Callable[[], Permissions]) -> Deliver:
    """Hands inputs to functions, state machines and queues, where the target's role may do so; answers
    (failed, what came back)."""

    def deliver(target: dict[str, Any], text: str) -> tuple[bool, Any]:
        arn = target["Arn"]
        service = arn.split(":")[2]
        need = Need(DELIVERIES.get(service, "unknown:*"), arn)
        if refusal := permissions().refusal_of(target["RoleArn"], need):
            return True, {"errorMessage": refusal}
        match service:
            case "lambda":
                return _invoke(runtime, arn, text)
            case "states":
                # Without a name moto calls the execution "None", and there can be only one of these.
                name = str(uuid.uuid4())
                started = aws["stepfunctions"].start_execution(stateMachineArn=arn, name=name, input=text)
                return False, {"executionArn": started["executionArn"]}
            case "sqs":
                url = aws["sqs"].get_queue_url(QueueName=arn.split(":")[-1])["QueueUrl"]
                return False, {
                    "MessageId": aws["sqs"].send_message(QueueUrl=url, MessageBody=text)["MessageId"]
                }
        return True, {"errorMessage": f"the local cloud cannot deliver to {arn}"}

    return deliver


def _invoke(runtime: Runtime, arn: str, text: str) -> tuple[bool, Any]:
    try:
        outcome = runtime.invoke_unawaited(arn, text.encode())
    except UnknownFunctionError:
        return True, {"errorMessage": f"no function {arn}"}
    return outcome.failed, json.loads(outcome.payload)


def _schedule(stored: dict[str, Any]) -> Schedule:
    return Schedule(
        name=stored["Name"],
        group=stored["GroupName"],
        arn=stored["Arn"],
        expression=stored["ScheduleExpression"],
        timezone=stored["ScheduleExpressionTimezone"] or "UTC",
        target=stored["Target"],
        enabled=stored["State"] == "ENABLED",
        start=_date(stored["StartDate"]),
        end=_date(stored["EndDate"]),
        delete_after=stored["ActionAfterCompletion"] == "DELETE",
    )


def _date(stored: float | None) -> datetime | None:
    return None if stored is None else datetime.fromtimestamp(stored, UTC)


def _stamp(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _default_event(schedule: Schedule, time: datetime) -> dict[str, Any]:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": ACCOUNT,
        "time": _stamp(time),
        "region": REGION,
        "resources": [schedule.arn],
        "detail": "{}",
    }
