"""A key that stands twice is refused with both lines, wherever it stands; everything else is read as YAML
says."""

from datetime import date

import pytest
import yaml

from nightshift.errors import ConfigError
from nightshift.yaml_text import read_yaml


@pytest.mark.parametrize(
    ("text", "path", "lines"),
    [
        ("budget: 1\nnights: 2\nbudget: 3\n", "budget", "1 and 3"),
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", "a.b", "2 and 4"),
        ("a: {b: 1, b: 2}\n", "a.b", "1 and 1"),
        ("a:\n- x: 1\n- y: 1\n  y: 2\n", "a[1].y", "3 and 4"),
        ('b: 1\n"b": 2\n', "b", "1 and 2"),
        ("1: a\n0x1: b\n", "0x1", "1 and 2"),
        ("true: a\nyes: b\n", "yes", "1 and 2"),
        ("a: &x {b: 1, b: 2}\nc: *x\n", "a.b", "1 and 1"),
        ("# a comment\n\nb: 1\nb: 1\n", "b", "3 and 4"),
    ],
)
def test_a_key_that_stands_twice_is_refused_with_its_lines(text: str, path: str, lines: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_yaml(text, "nightshift.yaml")
    assert (
        str(refused.value)
        == f"nightshift.yaml: key {path!r} stands twice, in lines {lines}; keep one of them"
    )


@pytest.mark.parametrize(
    "text",
    [
        "", "# nothing\n", "a: 1\nb: {a: 1}\n", "- {a: 1}\n- {a: 1}\n", "1: a\ntrue: b\n'1': c\n", "a: &x {b: 1}\nc: {<<: *x, b: 2}\n",
        "day: 2026-10-15\n", "a: &x [1]\nb: *x\n",
    ],
)  # fmt: skip
def test_other_documents_are_read_as_yaml_reads_them(text: str) -> None:
    assert read_yaml(text, "x") == yaml.safe_load(text)


NO_YAML = [
    "a: [",
    "? [1, 2]\n: a\n",
    "a: 1\n---\nb: 2\n",
    "!!python/object:os.system {}",
    "a: *nowhere\n",
    "\ta: 1",
]


@pytest.mark.parametrize("text", NO_YAML)
def test_what_is_no_yaml_is_still_none(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        read_yaml(text, "x")


def test_a_block_that_holds_itself_is_looked_at_once() -> None:
    assert list(read_yaml("a: &x\n  b: *x\n", "x")) == ["a"]


def test_a_day_stays_a_day() -> None:
    assert read_yaml("first: 2026-10-15", "x") == {"first": date(2026, 10, 15)}
