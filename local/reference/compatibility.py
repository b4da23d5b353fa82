"""The changes of the API's document that break its callers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def breaks(old: Json, new: Json) -> list[str]:
    """Return what a caller of the `old` document can no longer send, or no longer finds in an answer."""
    return [*_Comparison(old, new).breaks()]


class _Comparison:
    """Two documents, operation by operation. Each pair of schemas is compared once for each direction."""

    def __init__(self, old: Json, new: Json) -> None:
        self._old, self._new = old, new
        self._seen: set[tuple[str, bool]] = set()

    def breaks(self) -> Iterator[str]:
        for path, methods in self._old["paths"].items():
            for method, before in methods.items():
                after = self._new["paths"].get(path, {}).get(method)
                if after is None:
                    yield f"{method.upper()} {path} is gone"
                else:
                    yield from self._operation(before, after)

    def _operation(self, before: Json, after: Json) -> Iterator[str]:
        where = before["operationId"]
        old, new = (
            {item["name"]: item for item in operation.get("parameters", [])} for operation in (before, after)
        )
        yield from (f"{where}: parameter {name} is gone" for name in old.keys() - new.keys())
        for name in new:
            if new[name].get("required") and not old.get(name, {}).get("required"):
                yield f"{where}: parameter {name} is required now"
            if name in old:
                yield from self._schema(f"{where}: {name}", old[name]["schema"], new[name]["schema"], True)
        if "requestBody" in after and "requestBody" in before:
            yield from self._schema(where, _body(before["requestBody"]), _body(after["requestBody"]), True)
        for status, answer in before["responses"].items():
            if status not in after["responses"]:
                yield f"{where}: answer {status} is gone"
            else:
                yield from self._schema(
                    f"{where} {status}", _body(answer), _body(after["responses"][status]), False
                )

    def _schema(self, where: str, old: Json, new: Json, asked: bool) -> Iterator[str]:
        """Yield the breaks of one schema: what may be asked shall not shrink, what is answered not grow."""
        before, after = _kinds(self._old, old), _kinds(self._new, new)
        for kind, schema in before.items():
            if kind in after:
                yield from self._kind(where, schema, after[kind], asked)
            elif asked:
                yield f"{where} takes no {kind} any more"
        if not asked and (more := after.keys() - before.keys()):
            yield f"{where} may be {', '.join(sorted(more))} now"

    def _kind(self, where: str, old: Json, new: Json, asked: bool) -> Iterator[str]:
        if "$ref" in old:
            where = old["$ref"].rpartition("/")[2]
            if (where, asked) in self._seen:
                return
            self._seen.add((where, asked))
        old, new = _named(self._old, old), _named(self._new, new)
        yield from self._fields(where, old, new, asked)
        if "items" in old and "items" in new:
            yield from self._schema(f"{where}[]", old["items"], new["items"], asked)
        if asked:
            yield from _narrowed(where, old, new)

    def _fields(self, where: str, old: Json, new: Json, asked: bool) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in before:
            if name not in after:
                yield f"{where}.{name} is gone"
            else:
                yield from self._schema(f"{where}.{name}", before[name], after[name], asked)
        if asked:
            needed = set(new.get("required", [])) - set(old.get("required", []))
            yield from (f"{where}.{name} is required now" for name in sorted(needed))
        else:
            optional = set(old.get("required", [])) - set(new.get("required", []))
            yield from (f"{where}.{name} may be missing now" for name in sorted(optional) if name in after)


def _body(given: Json) -> Json:
    schema: Json = given["content"]["application/json"]["schema"]
    return schema


def _named(document: Json, schema: Json) -> Json:
    if "$ref" not in schema:
        return schema
    found: Json = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _kinds(document: Json, schema: Json) -> dict[str, Json]:
    """Return the alternatives of a schema by a name of each: a model, as asked or answered, or a type."""
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return {name: kind for item in schema[key] for name, kind in _kinds(document, item).items()}
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2].removesuffix("Answer")
        model = _named(document, schema)
        return {name: schema} if model.get("type") == "object" else _kinds(document, model)
    types = schema.get("type")
    return dict.fromkeys(types if isinstance(types, list) else [types or "value"], schema)


def _narrowed(where: str, old: Json, new: Json) -> Iterator[str]:
    for key in _LEAST:
        if key in new and (key not in old or new[key] > old[key]):
            yield f"{where}: {key} was {old.get(key, 'none')} and is {new[key]}"
    for key in _MOST:
        if key in new and (key not in old or new[key] < old[key]):
            yield f"{where}: {key} was {old.get(key, 'none')} and is {new[key]}"
    if "enum" in new and (gone := set(old.get("enum", [])) - set(new["enum"])):
        yield f"{where} takes no {', '.join(sorted(map(str, gone)))} any more"
    if "pattern" in new and new["pattern"] != old.get("pattern"):
        yield f"{where}: pattern was {old.get('pattern', 'none')} and is {new['pattern']}"
