"""Field expansion: `id,adsets.limit(5){name,ads{id}}`."""

import re
from dataclasses import dataclass, field

from local.sandbox.meta.errors import GraphError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass
class Field:
    """One requested field; `arguments` come from modifiers such as `.limit(5)`."""

    name: str
    arguments: dict[str, str] = field(default_factory=dict)
    children: list["Field"] = field(default_factory=list)


def parse_fields(text: str) -> list[Field]:
    """Raises GraphError 2500 for a text that is no field list."""
    parser = _Parser(text)
    fields = parser.field_list() if text else []
    if parser.rest:
        raise parser.broken()
    return fields


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    @property
    def rest(self) -> str:
        return self.text[self.position :]

    def broken(self) -> GraphError:
        return GraphError(f'Syntax error "Unexpected text at character {self.position}" in fields', 2500)

    def field_list(self) -> list[Field]:
        fields = [self.one_field()]
        while self.skip(","):
            fields.append(self.one_field())
        return fields

    def one_field(self) -> Field:
        found = Field(self.name())
        while self.skip("."):
            modifier = self.name()
            found.arguments[modifier] = self.argument()
        if self.skip("{"):
            found.children = self.field_list()
            self.expect("}")
        return found

    def argument(self) -> str:
        self.expect("(")
        start, depth = self.position, 1
        while depth and self.position < len(self.text):
            depth += {"(": 1, ")": -1}.get(self.text[self.position], 0)
            self.position += 1
        if depth:
            raise self.broken()
        return self.text[start : self.position - 1]

    def name(self) -> str:
        match = _NAME.match(self.text, self.position)
        if match is None:
            raise self.broken()
        self.position = match.end()
        return match.group()

    def skip(self, token: str) -> bool:
        if not self.rest.startswith(token):
            return False
        self.position += len(token)
        return True

    def expect(self, token: str) -> None:
        if not self.skip(token):
            raise self.broken()
