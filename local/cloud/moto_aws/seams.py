"""Everything we change about moto, most of it in its Step Functions interpreter. No file of it is edited.

The retry seam is `retrier_decl.time`: the module sleeps between attempts with `time.sleep` and uses `time`
for nothing else. Wait states and timeouts live in other modules and keep real seconds.
"""

from __future__ import annotations

import copy
import gc
import importlib
import inspect
import os
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from local.cloud.aws import ACCOUNT, REGION
from local.cloud.front_door import Application
from local.cloud.moto_aws.dynamodb import LARGEST_ROW, PLAIN, quicken_requests

RETRY_SCALE = "LOCAL_RETRY_SCALE"
DEFAULT_RETRY_SCALE = 0.1
SPARE_PROGRAMS = 8  # of one state machine, ready for executions
SPARE_SECONDS = 0.5


def import_moto() -> None:
    """Import moto with its interpreter, which the first state machine would otherwise wait for."""
    # The parser's tables are a million objects that live as long as the process:
    # collecting garbage among them adds half a second here, and more later.
    gc.disable()
    with _without_batch():
        importlib.import_module("moto.stepfunctions.parser.models")
    importlib.import_module("moto.moto_server.werkzeug_app")
    gc.freeze()
    gc.enable()


@contextmanager
def _without_batch() -> Iterator[None]:
    """The interpreter needs one enumeration of the Batch service, whose folder imports all of EC2's: most of
    the seconds. Whoever asks for that service still gets it whole."""
    moto = importlib.import_module("moto")
    folder = ModuleType("moto.batch")
    folder.__path__ = [str(Path(path) / "batch") for path in moto.__path__]
    sys.modules[folder.__name__] = folder
    try:
        yield
    finally:
        for name in [name for name in sys.modules if f"{name}.".startswith("moto.batch.")]:
            del sys.modules[name]


def point_moto_at(port: int) -> None:
    """Make moto run state machines, against `port`. Call it before moto serves its first request."""
    os.environ["MOTO_PORT"] = str(port)  # where the interpreter's own clients call
    from moto.core.config import default_user_config

    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    _share_clients()
    _parse_definitions_once()
    _abort_at_once()
    _parse_paths_once()
    quicken_dynamodb()
    _scale_retries(float(os.environ.get(RETRY_SCALE, DEFAULT_RETRY_SCALE)))


def moto_application() -> Application:
    """moto's own WSGI application for all services."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    class Dispatcher(DomainDispatcherApplication):
        """Asks once which service a host stands for: moto lists its folders for every request, in turn."""

        get_backend_for_host = lru_cache(DomainDispatcherApplication.get_backend_for_host)

    application: Application = Dispatcher(create_backend_app)
    return application


def running_executions() -> int:
    """Return how many executions of state machines go on, read in process as the schedules are."""
    states = [item.exec_status for item in _executions()]
    return sum(state in (None, "RUNNING") for state in states)  # None: not begun


def executions() -> list[dict[str, Any]]:
    """Return the executions of state machines, the latest first."""
    found = [
        {
            "name": item.name,
            "status": str(item.exec_status or "not begun"),
            "started": str(item.start_date)[:19],
            "stopped": item.stop_date and str(item.stop_date)[:19],
        }
        for item in _executions()
    ]
    return sorted(found, key=lambda item: str(item["started"]), reverse=True)


def _executions() -> list[Any]:
    # Not those of get_backend(): the interpreter's own.
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    machines: list[Any] = stepfunctions_parser_backends[ACCOUNT][REGION].state_machines
    return [item for machine in list(machines) for item in list(machine.executions)]


def quicken_dynamodb() -> None:
    """moto's tables work on every row for each call. In time and memory that is none of DynamoDB's: minutes
    and gigabytes once there are some thousand rows."""
    from moto.core.serialize import BaseJSONSerializer
    from moto.dynamodb.models import DynamoDBBackend
    from moto.dynamodb.models.table import Table

    if "__deepcopy__" in vars(Table):
        return
    quicken_requests()
    _list_methods_once()
    _copy_only_what_a_transaction_touches(Table, DynamoDBBackend)
    _sort_only_what_is_asked_for(Table)
    _share_plain_values()
    _measure_rows_once()
    _pass_plain_attributes_on(BaseJSONSerializer)


def _list_methods_once() -> None:
    """moto lists the methods of a service's class for every request."""
    responses: Any = importlib.import_module("moto.core.responses")
    responses.method_names_from_class = lru_cache(responses.method_names_from_class)


def _copy_only_what_a_transaction_touches(table_class: Any, backend_class: Any) -> None:
    """moto keeps a deep copy of the whole table for each item of a transaction, should it be taken back. The
    touched items are all that can change."""
    original = backend_class.transact_write_items
    backups = threading.local()

    def backup_of(table: Any, _: Any) -> Any:
        return backups.of[table.name]

    def transact(backend: Any, transact_items: list[dict[str, Any]]) -> None:
        backups.of = _backups(backend, [next(iter(item.values())) for item in transact_items])
        try:
            original(backend, transact_items)
        finally:
            del backups.of

    table_class.__deepcopy__ = backup_of
    backend_class.transact_write_items = transact


def _backups(backend: Any, operations: list[dict[str, Any]]) -> dict[str, Any]:
    """Each table as it is, its partitions and rows shared but for those that the operations name."""
    made: dict[str, Any] = {}
    for operation in operations:
        table = backend.tables.get(operation.get("TableName"))
        if table is None:
            continue
        if table.name not in made:
            made[table.name] = copy.copy(table)
            made[table.name].items = defaultdict(dict, table.items)
        _keep(table, made[table.name], operation.get("Item") or operation.get("Key") or {})
    return made


def _keep(table: Any, backup: Any, attributes: dict[str, Any]) -> None:
    from moto.dynamodb.models.dynamo_type import DynamoType

    if not {backup.hash_key_attr, backup.range_key_attr} <= attributes.keys():
        return
    hash_key, key = (DynamoType(attributes[name]) for name in (backup.hash_key_attr, backup.range_key_attr))
    if hash_key not in table.items:
        return
    if backup.items[hash_key] is table.items[hash_key]:
        backup.items[hash_key] = dict(table.items[hash_key])
    part = backup.items[hash_key]
    if key in part:
        part[key] = copy.deepcopy(part[key])


def _sort_only_what_is_asked_for(table_class: Any) -> None:
    """moto sorts all rows and then leaves out those of other partitions, or those that the index lacks."""
    original = table_class.query

    def query(table: Any, hash_key: Any, *arguments: Any, **named: Any) -> Any:
        asked = signature.bind(table, hash_key, *arguments, **named).arguments
        name, rows, table = asked.get("index_name"), table.items, copy.copy(table)
        if name and table.range_key_attr:
            table.items = _rows_in_index(rows, _index_keys(table, name))
        elif not name:
            table.items = {hash_key: rows[hash_key]} if hash_key in rows else {}
        return original(table, hash_key, *arguments, **named)

    signature = inspect.signature(original)
    table_class.query = query


def _index_keys(table: Any, name: str) -> set[str]:
    schemas = [index.schema for index in table.all_indexes() if index.name == name]
    return {key["AttributeName"] for schema in schemas for key in schema}


def _rows_in_index(rows: dict[Any, Any], keys: set[str]) -> dict[Any, Any]:
    """Return the rows that have all keys of an index, by partition."""
    found = {
        hash_key: {name: row for name, row in part.items() if keys <= row.attrs.keys()}
        for hash_key, part in list(rows.items())
    }
    return {hash_key: part for hash_key, part in found.items() if part}


def _share_plain_values() -> None:
    """moto copies every value of every row that a query finds. Plain ones are never changed in place."""
    types: Any = importlib.import_module("moto.dynamodb.models.dynamo_type")

    def copy_of(item: Any, memo: dict[int, Any]) -> Any:
        made = types.Item.__new__(types.Item)
        made.hash_key, made.range_key, made.attrs = item.hash_key, item.range_key, types.LimitedSizeDict()
        dict.update(made.attrs, item.attrs)
        made.attrs._total = item.attrs.total()
        for name, value in item.attrs.items():
            if value.type not in PLAIN:
                dict.__setitem__(made.attrs, name, copy.deepcopy(value, memo))
        return made

    types.Item.__deepcopy__ = copy_of


def _measure_rows_once() -> None:
    """moto measures a new row again for each of its attributes."""
    from moto.dynamodb.exceptions import ItemSizeTooLarge

    types: Any = importlib.import_module("moto.dynamodb.models.dynamo_type")

    def fill(item: Any, hash_key: Any, range_key: Any, attrs: dict[str, Any]) -> None:
        item.hash_key, item.range_key, item.attrs = hash_key, range_key, types.LimitedSizeDict()
        values = {name: types.DynamoType(value) for name, value in attrs.items()}
        size = sum(len(name.encode()) + value.size() for name, value in values.items())
        if size > LARGEST_ROW:
            raise ItemSizeTooLarge
        dict.update(item.attrs, values)
        item.attrs._total = size

    types.Item.__init__ = fill


def _pass_plain_attributes_on(serializer: Any) -> None:
    """moto asks for each of the ten kinds of value that an attribute can hold, under several names each. One
    plain value stands there as it goes over the wire."""
    original = serializer._serialize_type_structure

    def serialize(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name == "AttributeValue" and _is_plain(value):
            serialized[self.get_serialized_name(shape, key)] = value
        else:
            original(self, serialized, value, shape, key)

    def serialize_map(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.value.name == "AttributeValue" and all(_is_plain(item) for item in value.values()):
            serialized[self.get_serialized_name(shape, key)] = dict(value)
        else:
            original_map(self, serialized, value, shape, key)

    original_map = serializer._serialize_type_map
    serializer._serialize_type_structure = serialize
    serializer._serialize_type_map = serialize_map


def _is_plain(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() <= PLAIN


def _share_clients() -> None:
    # The interpreter makes a boto3 client for every task, on boto3's default session: 30 ms each,
    # and a race between the branches of a Map. `boto3` is used nowhere else in that module.
    import boto3
    from moto.stepfunctions.parser.asl.utils import boto_client

    session, made, lock = boto3.session.Session(), {}, threading.Lock()

    def client(**arguments: Any) -> Any:
        key = (arguments["service_name"], arguments["region_name"])
        with lock:
            if key not in made:
                made[key] = session.client(**arguments)
            return made[key]

    boto_client.boto3 = SimpleNamespace(client=client)  # type: ignore[attr-defined]


def _parse_definitions_once() -> None:
    """moto parses a state machine for each execution, which takes longer than most of them. What keeps an
    execution's own state is made anew from the tree: for the next one, while this one waits for answers."""
    from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

    parser: Any = importlib.import_module("moto.stepfunctions.parser.asl.parse.asl_parser")
    trees = lru_cache(maxsize=64)(parser.AmazonStateLanguageParser.parse)
    spare: dict[str, deque[Any]] = defaultdict(lambda: deque(maxlen=SPARE_PROGRAMS))

    def parse(definition: str) -> tuple[Any, Any]:
        _, tree = trees(definition)
        later = threading.Timer(SPARE_SECONDS, lambda: spare[definition].append(Preprocessor().visit(tree)))
        later.daemon = True
        later.start()
        try:
            return spare[definition].popleft(), tree
        except IndexError:
            return Preprocessor().visit(tree), tree

    parser.AmazonStateLanguageParser.parse = staticmethod(parse)


def _parse_paths_once() -> None:
    """moto builds the parser of JSONPath anew for each path of each state."""
    paths: Any = importlib.import_module("moto.stepfunctions.parser.asl.utils.json_path")
    paths.parse = lru_cache(maxsize=1024)(paths.parse)


def _abort_at_once() -> None:
    """moto says that a stopped execution runs until its task returns. With AWS it is over at once, and the
    task's function goes on."""
    execution: Any = importlib.import_module("moto.stepfunctions.parser.backend.execution").Execution
    status: Any = importlib.import_module("moto.stepfunctions.parser.api").ExecutionStatus
    original = execution.stop

    def stop(self: Any, stop_date: Any, error: str | None, cause: str | None) -> None:
        original(self, stop_date, error, cause)
        if self.exec_status == status.RUNNING:
            self.exec_status, self.stop_date = status.ABORTED, stop_date

    execution.stop = stop


def _scale_retries(scale: float) -> None:
    from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl

    scaled = SimpleNamespace(sleep=lambda seconds: time.sleep(seconds * scale))
    retrier_decl.time = scaled  # type: ignore[attr-defined, assignment]
