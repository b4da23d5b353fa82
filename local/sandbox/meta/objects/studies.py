"""Ad studies: split tests over ad sets or campaigns of one business."""

from datetime import UTC, datetime

from local.sandbox.meta.errors import invalid, wrong_param
from local.sandbox.meta.params import Params
from local.sandbox.meta.store import Account, Json, MetaStore, Node

_CREATE = {"name", "description", "type", "start_time", "end_time", "cells", "confidence_level"}
_UPDATE = {"name", "description", "end_time"}
_CELL = {"name", "treatment_percentage", "adsets", "campaigns"}
_KINDS = {"adsets": "adset", "campaigns": "campaign"}
MOST_CELLS = 5  # unverified: from third-party clients


def new_study(store: MetaStore, account: Account, params: Params, now: datetime) -> Json:
    """The checked fields of POST <business id>/ad_studies. Raises GraphError."""
    params.only(_CREATE)
    start, end = _moment(params, "start_time"), _moment(params, "end_time")
    if end <= start:
        raise wrong_param("end_time must be later than start_time", "end_time")
    data: Json = {
        "name": params.required("name"),
        "description": params.text("description"),
        "type": params.choice("type", ("SPLIT_TEST",)),
        "start_time": start,
        "end_time": end,
        "cells": _cells(store, account, params.array("cells")),
    }
    _refuse_busy(store, account, data, now)
    return data


def changed_study(node: Node, params: Params) -> Json:
    """The checked fields of POST <study id>: above all an earlier or later end. Raises GraphError."""
    params.only(_UPDATE)
    changes: Json = {name: params.text(name) for name in ("name", "description") if name in params}
    if "end_time" in params:
        changes["end_time"] = _moment(params, "end_time")
        if changes["end_time"] <= node.data["start_time"]:
            raise wrong_param("end_time must be later than start_time", "end_time")
    return changes


def shown_times(node: Node, name: str) -> str:
    return str(node.data[name].strftime("%Y-%m-%dT%H:%M:%S+0000"))


def shown_cells(node: Node) -> Json:
    return {"data": [{"id": f"{node.id}{index}", **cell} for index, cell in enumerate(node.data["cells"])]}


def _moment(params: Params, name: str) -> datetime:
    seconds = params.integer(name)
    if seconds is None:
        raise wrong_param(f"The parameter {name} is required", name)
    return datetime.fromtimestamp(seconds, UTC)


def _cells(store: MetaStore, account: Account, cells: list[Json]) -> list[Json]:
    if not 2 <= len(cells) <= MOST_CELLS:
        raise wrong_param(f"A split test has 2 to {MOST_CELLS} cells", "cells")
    if any(not isinstance(cell, dict) or cell.keys() - _CELL for cell in cells):
        raise wrong_param(f"A cell holds {', '.join(sorted(_CELL))}", "cells")
    shares = [cell.get("treatment_percentage") for cell in cells]
    whole = [share for share in shares if type(share) is int and share > 0]
    if len(whole) < len(cells) or sum(whole) != 100:
        raise wrong_param("treatment_percentage of the cells must be whole numbers that make 100", "cells")
    members = [member for cell in cells for member in _members(store, account, cell)]
    if len(set(members)) < len(members):
        raise wrong_param("An object can be in one cell only", "cells")
    return cells


def _members(store: MetaStore, account: Account, cell: Json) -> list[str]:
    given = [name for name in _KINDS if cell.get(name)]
    if len(given) != 1:
        raise wrong_param("A cell holds either adsets or campaigns", "cells")
    for member in map(str, cell[given[0]]):
        node = store.nodes.get(member)
        is_own = node is not None and node.account_id == account.id and node.kind == _KINDS[given[0]]
        if node is None or not is_own or node.gone:
            raise wrong_param(f"{member} is no object that this business can test", "cells")
    return list(map(str, cell[given[0]]))


def _refuse_busy(store: MetaStore, account: Account, data: Json, now: datetime) -> None:
    """An object runs in one test at a time."""
    asked = {member for cell in data["cells"] for member in _ids(cell)}
    for study in store.of_kind(account.id, "study"):
        taken = {member for cell in study.data["cells"] for member in _ids(cell)}
        overlaps = study.data["start_time"] < data["end_time"] and data["start_time"] < study.data["end_time"]
        if not study.gone and overlaps and asked & taken:
            text = f"{min(asked & taken)} is part of another test at that time."
            raise invalid(None, "Already in a Test", text, "cells")


def _ids(cell: Json) -> list[str]:
    return [str(member) for name in _KINDS for member in cell.get(name) or []]
