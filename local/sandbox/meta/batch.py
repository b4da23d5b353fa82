"""Batch requests: up to 50 calls in one, in order, without rollback."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from local.sandbox.meta.errors import GraphError, wrong_param
from local.sandbox.meta.faulted import faulted_reply
from local.sandbox.meta.graph import Files, Graph, GraphCall, GraphReply
from local.sandbox.meta.params import Params
from local.sandbox.meta.store import Json

MAX_ITEMS = 50
_SAME_CAMPAIGN = "A batch request can't hold several ad sets of the same campaign"
_REFERENCE = re.compile(r"\{result=([\w-]+):\$\.?([\w.\[\]*-]*)\}")
_VERSION = re.compile(r"^/?v\d+\.\d+/")


class Batch:
    """One batch while it runs: the answers so far, and which ad sets were created for whom."""

    def __init__(self, graph: Graph, shared: Params, files: Files) -> None:
        self.graph = graph
        self.files = files
        self.token = {k: v for k, v in shared.values.items() if k in ("access_token", "appsecret_proof")}
        self.results: dict[str, GraphReply] = {}
        self.adset_campaigns: set[str] = set()
        self.number = graph.world.calls.next_batch()

    def run(self, raw: Any) -> list[Json | None]:
        """One entry per item; None stands for no answer. Raises GraphError for a batch that is none."""
        if not isinstance(raw, list) or not all(isinstance(item, dict) for item in raw):
            raise wrong_param("Param batch must be an array.", "batch")
        if len(raw) > MAX_ITEMS:
            raise GraphError(
                f"(#100) Too many requests in batch message. Maximum batch size is {MAX_ITEMS}",
                100,
                kind="GraphBatchException",
            )
        needed = {name for item in raw for name in _references(item)}
        return [self._entry(item, needed) for item in raw]

    def _entry(self, item: Json, needed: set[str]) -> Json | None:
        reply = self._item(item)
        name = item.get("name")
        if reply is None:
            return None
        if name:
            self.results[str(name)] = reply
        # The platform leaves out what others only refer to, unless told otherwise.
        if reply.status == 200 and item.get("omit_response_on_success", name in needed):
            return None
        told = {"x-fb-trace-id": self.graph.trace_id()} | reply.headers
        headers = [{"name": name, "value": value} for name, value in told.items()]
        return {"code": reply.status, "headers": headers, "body": json.dumps(reply.body)}

    def _item(self, item: Json) -> GraphReply | None:
        try:
            call = self._call(item)
        except GraphError as error:
            return self.graph.refusal(error)
        world, operation = self.graph.world, self.graph.operation(call)
        entry = world.calls.open("meta", operation, call.method, f"/{call.path}", batch=self.number)
        fault = world.faults.take("meta", operation)
        reply: GraphReply | None = None
        if fault is None or fault.acts_first:
            reply = self._act(call)
        if fault is not None and fault.acts_late:

            async def act() -> None:
                self._act(call)

            world.late.append(act)
        if fault:
            lost = fault.unanswered_after is not None
            reply = None if lost else faulted_reply(self.graph, fault.kind, operation)
        entry.close(reply.status if reply else None, fault.kind if fault else None)
        return reply

    def _act(self, call: GraphCall) -> GraphReply:
        if (campaign := self._campaign_of_adset(call)) is not None:
            if campaign in self.adset_campaigns:
                return self.graph.refusal(wrong_param(_SAME_CAMPAIGN, "batch"))
            self.adset_campaigns.add(campaign)
        return self.graph.execute(call)

    def _campaign_of_adset(self, call: GraphCall) -> str | None:
        """The campaign of an ad set that the call makes, changes or deletes."""
        if call.method == "GET":
            return None
        if call.edge == "adsets":
            return call.params.text("campaign_id")
        node = self.graph.store.nodes.get(call.target)
        is_adset = node is not None and node.kind == "adset" and not call.edge
        return str(node.data["campaign_id"]) if node is not None and is_adset else None

    def _call(self, item: Json) -> GraphCall:
        method = str(item.get("method", "GET")).upper()
        parts = urlsplit(self._filled(str(item.get("relative_url", ""))))
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        pairs += parse_qsl(str(item.get("body", "")), keep_blank_values=True)
        values = {name: self._filled(value) for name, value in pairs}
        names = [name for name in str(item.get("attached_files", "")).split(",") if name]
        files = {name: self.files[name] for name in names if name in self.files}
        path = _VERSION.sub("", parts.path).strip("/")
        return GraphCall(method, path, Params(self.token | values), files)

    def _filled(self, text: str) -> str:
        """Puts earlier results in place of `{result=name:$.path}`."""
        return _REFERENCE.sub(lambda match: self._result(match.group(1), match.group(2)), text)

    def _result(self, name: str, path: str) -> str:
        reply = self.results.get(name)
        if reply is None or reply.status != 200:
            raise wrong_param(f"Dependency {name} of this batch item failed or gave no result", "batch")
        value: Any = reply.body
        for key in filter(None, path.split(".")):
            value = value.get(key) if isinstance(value, dict) else None
        if value is None:
            raise wrong_param(f"The result of {name} holds no $.{path}", "batch")
        return value if isinstance(value, str) else json.dumps(value)


def _references(item: Json) -> list[str]:
    text = unquote_plus(f"{item.get('relative_url', '')} {item.get('body', '')}")
    return [match.group(1) for match in _REFERENCE.finditer(text)]
