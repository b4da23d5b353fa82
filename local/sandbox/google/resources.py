"""The resources of all customers by name, and those of one kind or below one parent without a search."""

from collections.abc import Iterable, Iterator, Mapping

from local.sandbox.google.messages import KIND_OF_COLLECTION, KINDS, Message

_Group = dict[str, Message]


class Resources(dict[str, Message]):
    """Messages by resource name, in the order of their creation. A resource keeps its parent.

    Each mutate works on a copy, which shares its groups with the original until one of the two writes there.
    """

    def __init__(self, others: Mapping[str, Message] | None = None) -> None:
        super().__init__(others or {})
        self._groups: dict[str, _Group] = dict(others._groups) if isinstance(others, Resources) else {}
        self._own: set[str] = set()  # the groups that no other object has
        if isinstance(others, Resources):
            others._own.clear()
        else:
            for name, message in self.items():
                self._enter(name, message)

    def __setitem__(self, name: str, message: Message) -> None:
        super().__setitem__(name, message)
        self._enter(name, message)

    def __delitem__(self, name: str) -> None:
        for group in self._groups_of(name, self[name]):
            del self._written(group)[name]
        super().__delitem__(name)

    def of_kind(self, customer_id: str, kind: str) -> Iterable[Message]:
        return self._groups.get(f"customers/{customer_id}/{KINDS[kind].collection}", {}).values()

    def below(self, parent: str, kind: str) -> Iterable[Message]:
        """Return the resources of `kind` whose parent has that name."""
        return self._groups.get(f"{parent}/{KINDS[kind].collection}", {}).values()

    def _enter(self, name: str, message: Message) -> None:
        for group in self._groups_of(name, message):
            self._written(group)[name] = message

    def _groups_of(self, name: str, message: Message) -> Iterator[str]:
        yield name.rpartition("/")[0]
        kind = KIND_OF_COLLECTION.get(name.split("/")[2])
        if kind is not None and kind.parent:
            yield f"{getattr(message, kind.parent)}/{kind.collection}"

    def _written(self, group: str) -> _Group:
        if group not in self._own:
            self._groups[group] = dict(self._groups.get(group, {}))
            self._own.add(group)
        return self._groups[group]
