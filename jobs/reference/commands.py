"""docs/reference/commands.md: every command, as the command line itself knows it."""

import inspect
import re
from collections.abc import Iterator

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from jobs.cli import app
from jobs.reference.markdown import anchor, code, fenced, listed, page, table

COMMON = (0, 1, 2)
ENDS: dict[str, tuple[int, ...]] = {"run": (*COMMON, 3, 130), "train": (*COMMON, 130), "demo": (*COMMON, 130)}
"""Exit codes of commands that can end in other ways than most."""
PASSED_ON = {"ui": "`dagster dev`"}
"""Commands that end as the program they start ends, by its name."""
HEAD = ("option", "default", "variable", "what it says")
BEFORE = """
## Before the command

`nightshift --home X plan` is `nightshift plan --home X`. A word that is no command, option, table or destination ends with 2 and the
nearest one that is.
"""
EXITS = """
## Exit codes

A command that fails prints one message on standard error: the place, the value and the way out.
[errors.md](errors.md) tells which error ends with which code.
"""


def commands_page() -> str:
    """The whole page."""
    found = commands()
    rows = [
        (f"[`nightshift {name}`]({anchor(f'nightshift {name}')})", _first_line(one))
        for name, one in found.items()
    ]
    sections = (part for name, one in found.items() for part in section(name, one))
    codes = table(("code", "meaning"), [(str(number), meaning) for number, meaning in exit_codes().items()])
    before = table(HEAD, [_line(param) for param in _root().params if isinstance(param, TyperOption)])
    return page(
        "Commands",
        _root().help or "",
        table(("command", "does"), rows),
        BEFORE,
        before,
        EXITS,
        codes,
        *sections,
    )


def commands(group: TyperGroup | None = None, before: str = "") -> dict[str, TyperCommand]:
    """Every command by the words that call it, such as `show item`."""
    found: dict[str, TyperCommand] = {}
    for name, one in (group or _root()).commands.items():
        if isinstance(one, TyperGroup):
            found |= commands(one, f"{before}{name} ")
        elif isinstance(one, TyperCommand) and not one.hidden:
            found[before + name] = one
    return found


def exit_codes() -> dict[int, str]:
    """Code to meaning, from the last line of `nightshift --help`."""
    return {int(number): meaning for number, meaning in re.findall(r"(\d+) ([^,.]+)", _root().epilog or "")}


def section(name: str, one: TyperCommand) -> Iterator[str]:
    """One command: usage, help, options, how it ends."""
    words = [param.name.upper() for param in one.params if isinstance(param, TyperArgument) and param.name]
    options = [_line(param) for param in one.params if isinstance(param, TyperOption)]
    yield f"## nightshift {name}"
    yield fenced("", " ".join(["nightshift", name, *words, "[options]"]))
    yield inspect.cleandoc(one.help or "")
    yield table(HEAD, options)
    yield f"Ends with {_ends(name)}."


def _ends(name: str) -> str:
    if name in PASSED_ON:
        return f"the exit code of {PASSED_ON[name]}, or with 2 when the configuration is wrong"
    return listed([str(number) for number in ENDS.get(name, COMMON)])


def _line(option: TyperOption) -> tuple[str, str, str, str]:
    default = "" if option.default is None or option.is_flag else code(str(option.default))
    variable = code(str(option.envvar)) if option.envvar else ""
    return code(", ".join(option.opts)), default, variable, option.help or ""


def _first_line(one: TyperCommand) -> str:
    return inspect.cleandoc(one.help or "").split("\n\n", maxsplit=1)[0]


def _root() -> TyperGroup:
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    return root
