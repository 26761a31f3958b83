"""A YAML file as values that remember their lines, so that a mistake is told by file, line and value.

Nothing of a file is ever constructed but text, numbers, `true`, `false` and `null`: a tag, an anchor or an
alias is refused, and a word that YAML takes for something else (`yes`, `2024-01-01`) is there as written.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml
from yaml.constructor import SafeConstructor

from nightshift.errors import ConfigError

MOST_BYTES = 100_000
"""Longest file, in bytes."""
_PLAIN = SafeConstructor()
_SCALARS = {
    "tag:yaml.org,2002:null": lambda node: None,
    "tag:yaml.org,2002:bool": _PLAIN.construct_yaml_bool,
    "tag:yaml.org,2002:int": _PLAIN.construct_yaml_int,
    "tag:yaml.org,2002:float": _PLAIN.construct_yaml_float,
}
_TEXTS = ("str", "timestamp", "value", "merge", "binary")
"""Tags whose text stays as it is written."""


@dataclass(frozen=True)
class Node:
    """A value of a file."""

    place: str
    line: int
    value: Any
    """`dict[str, Node]`, `list[Node]`, text, a number, a truth value or None."""
    text: str = ""
    """A scalar as it is written."""
    block: bool = False
    """Whether it is a literal block (`|`), whose lines follow its own."""

    def refuse(self, says: str, line: int | None = None) -> NoReturn:
        """Raise ConfigError with file and line."""
        raise ConfigError(f"{self.place}:{line or self.line}: {says}")

    def mapping(self, what: str) -> dict[str, "Node"]:
        """The value as `key: value` lines."""
        if not isinstance(self.value, dict):
            self.refuse(f"{what} must be a mapping, `key: value`; given: {self.shown}")
        return self.value

    def listed(self, what: str) -> list["Node"]:
        """The value as a list."""
        if not isinstance(self.value, list):
            self.refuse(f"{what} must be a list, `[one, another]`; given: {self.shown}")
        return self.value

    def word(self, what: str) -> str:
        """The value as text, as it is written."""
        if isinstance(self.value, dict | list) or self.value is None or not self.text.strip():
            self.refuse(f"{what} must be a text; given: {self.shown}")
        return self.text

    def number(self, what: str, low: int, high: int) -> int:
        """The value as a whole number within bounds."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or not low <= self.value <= high:
            self.refuse(f"{what} must be a whole number from {low:,} to {high:,}; given: {self.shown}")
        return self.value

    @property
    def shown(self) -> str:
        """The value for a message."""
        if isinstance(self.value, dict):
            return "a mapping"
        if isinstance(self.value, list):
            return "a list"
        return "nothing" if self.value is None else repr(self.text[:80])


class _Loader(yaml.SafeLoader):
    """Refuses aliases: a value that stands for many is how a small file becomes a large one."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="an alias (*name); write the value itself", problem_mark=mark)
        return super().compose_node(parent, index)


def read_nodes(path: Path, place: str) -> Node:
    """The file's value. Raises ConfigError for what is no YAML, with the line."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{place}: cannot be read: {error.strerror}") from error
    if len(raw) > MOST_BYTES:
        raise ConfigError(f"{place}: {len(raw):,} bytes; an enrichment has at most {MOST_BYTES:,}")
    try:
        node = yaml.compose(raw.decode("utf-8-sig"), Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{place}:{line}: is not YAML as it is read here: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{place}: is not YAML in UTF-8: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{place}: its values are nested too deeply") from error
    if node is None:
        raise ConfigError(f"{place}: the file is empty; `nightshift enrichments new NAME` writes a first one")
    return _read(node, place)


def _read(node: yaml.Node, place: str) -> Node:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode) and node.tag.endswith(":map"):
        return Node(place, line, _keys(node, place))
    if isinstance(node, yaml.SequenceNode) and node.tag.endswith(":seq"):
        return Node(place, line, [_read(inner, place) for inner in node.value])
    if isinstance(node, yaml.ScalarNode):
        return Node(place, line, _scalar(node, place), node.value, node.style == "|")
    raise ConfigError(f"{place}:{line}: {_tagged(node)}")


def _keys(node: yaml.MappingNode, place: str) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigError(f"{place}:{line}: a key must be a word")
        if key.value in found:
            raise ConfigError(f"{place}:{line}: the key {key.value!r} stands twice; keep one of them")
        found[key.value] = _read(value, place)
    return found


def _scalar(node: yaml.ScalarNode, place: str) -> Any:
    if node.tag in _SCALARS:
        try:
            return _SCALARS[node.tag](node)
        except ValueError:
            pass
    elif node.tag.removeprefix("tag:yaml.org,2002:") in _TEXTS:
        return node.value
    raise ConfigError(f"{place}:{node.start_mark.line + 1}: {_tagged(node)}")


def _tagged(node: yaml.Node) -> str:
    return f"{node.tag} cannot be read: an enrichment holds texts, numbers and lists, no types and no code"
