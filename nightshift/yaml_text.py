"""YAML that a person edits. A key that stands twice is refused: YAML forbids it, and a reader would
silently keep the last."""

from collections.abc import Hashable, Iterator
from typing import Any

import yaml

from nightshift.errors import ConfigError

MERGE = "tag:yaml.org,2002:merge"


def read_yaml(text: str, place: str) -> Any:
    """What a document holds; None for an empty one. `place` is the file's name in messages.

    Raises yaml.YAMLError where it is no YAML, ConfigError for a key that stands twice, with both lines.
    """
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        for path, first, again in _twice(loader, root, "", set()):
            raise ConfigError(
                f"{place}: key {path!r} stands twice, in lines {first} and {again}; keep one of them"
            )
        return None if root is None else loader.construct_document(root)
    finally:
        loader.dispose()


def _twice(
    loader: yaml.SafeLoader, node: yaml.Node | None, path: str, seen: set[int]
) -> Iterator[tuple[str, int, int]]:
    """Keys that stand twice in one block, as `budget.tokens`, with their lines; an anchor's block is
    looked at once."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _twice(loader, item, f"{path}[{number}]", seen)
    elif isinstance(node, yaml.MappingNode):
        yield from _twice_here(loader, node, path)
        for key, value in node.value:
            yield from _twice(loader, value, _under(path, key), seen)


def _twice_here(loader: yaml.SafeLoader, node: yaml.MappingNode, path: str) -> Iterator[tuple[str, int, int]]:
    lines: dict[Hashable, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE:
            continue
        value, line = loader.construct_object(key), key.start_mark.line + 1
        name = (type(value), value)  # 1 and true are two keys
        if name in lines:
            yield _under(path, key), lines[name], line
        lines.setdefault(name, line)


def _under(path: str, key: yaml.Node) -> str:
    name = key.value if isinstance(key, yaml.ScalarNode) else "?"
    return f"{path}.{name}" if path else str(name)
