"""Every command, setting, block of YAML or Python, link, file and module that a page names exists as it is
written there."""

import ast
import importlib
import importlib.util
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.core import TyperCommand, TyperOption

from jobs.enrichments import first_file
from jobs.reference.commands import commands
from jobs.reference.examples import MINIMAL
from nightshift.enrichments.registry import built_in, tables_of
from nightshift.night.config import Settings, load_settings
from tests.written import PAGES, ROOT, Code, anchors, blocks, calls, inline, links, name, words

TABLES = tables_of(built_in())
NOW = [page for page in PAGES if page.name != "CHANGELOG.md"]
"""Pages that speak of today; a changelog may name what is gone."""
BLOCKS = [block for page in NOW for block in blocks(page)]
INLINE = [code for page in NOW for code in inline(page)]
FLOORS = ("nightshift", "pipelines", "assets", "jobs", "tests", "benchmarks")
A_PATH = re.compile(
    rf"(?:{'|'.join((*FLOORS, 'docs', 'examples'))})/[\w./\-*]*(?:/|\.(?:py|md|json|ya?ml|toml|css|j2))"
)
A_MODULE = re.compile(rf"(?:{'|'.join(FLOORS)})(?:\.\w+)+")
ENVIRONMENT = re.compile(r"NIGHTSHIFT_([A-Z][A-Z_]*[A-Z])")
KNOWN_VARIABLES = {"CONFIG", "HOME", "CACHE"}


def known(config: Any) -> bool:
    """Whether this is (a part of) a nightshift.yaml."""
    return (
        isinstance(config, dict)
        and not declares(config)
        and any(key in Settings.model_fields for key in config)
    )


def declares(config: Any) -> bool:
    """Whether this is an enrichment's file."""
    return isinstance(config, dict) and {"about", "prompt"} <= config.keys()


def parsed(code: Code) -> Any:
    try:
        return yaml.safe_load(code.text)
    except yaml.YAMLError:
        return None


def configurations() -> list[Code]:
    """Blocks of nightshift.yaml, fenced or indented, and inline ones such as `budget: {tokens: 400_000}`."""
    return [block for block in BLOCKS if known(parsed(block))] + [
        code for code in INLINE if ": " in code.text and known(parsed(code))
    ]


def merged(under: Any, over: Any) -> Any:
    if isinstance(under, dict) and isinstance(over, dict):
        return under | {key: merged(under.get(key), value) for key, value in over.items()}
    return over


def minimal(feedback: Any) -> Any:
    """The least that runs, with this kind of feedback."""
    return yaml.safe_load(MINIMAL[feedback if feedback in MINIMAL else "implicit"])


def feedback_of(config: Any) -> Any:
    events = (config.get("sources") or {}).get("interactions") or {}
    return events.get("feedback") or ("explicit" if "positive_from" in events else None)


def declared(path: Path) -> None:
    """A file of an enrichment where a page names one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    attributes = textwrap.indent(first_file("item"), "  ")
    path.write_text(f"type: x\nattributes:\n  name: own\n{attributes}")


@pytest.mark.parametrize("code", configurations(), ids=str)
def test_every_part_of_a_nightshift_yaml_loads_on_top_of_the_least_one(code: Code, tmp_path: Path) -> None:
    config = parsed(code)
    (tmp_path / "enrichments").mkdir()  # a folder that is named must be there
    for file in (config.get("enrichments") or {}).get("files", []):
        declared(tmp_path / file)
    (tmp_path / "nightshift.yaml").write_text(yaml.safe_dump(merged(minimal(feedback_of(config)), config)))
    load_settings(tmp_path / "nightshift.yaml")


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language in ("yaml", "yml")], ids=str)
def test_yaml_of_another_tool_begins_with_a_comment_that_names_its_file(block: Code) -> None:
    config = yaml.safe_load(block.text)
    assert known(config) or isinstance(config, list) or re.match(r"# \S+\.ya?ml", block.text), (
        "no key of nightshift.yaml in it"
    )


def fields(model: type[BaseModel], path: str) -> Iterator[FieldInfo]:
    """The field of every part of a path; ends early where a part is unknown or below a mapping."""
    inner: Any = model
    for part in path.split("."):
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)) or part not in inner.model_fields:
            return
        field = inner.model_fields[part]
        yield field
        below = [
            kind
            for kind in (field.annotation, *get_args(field.annotation))
            if isinstance(kind, type) and issubclass(kind, BaseModel)
        ]
        inner = below[0] if below else None


def exists(path: str) -> bool:
    found = list(fields(Settings, path))
    return len(found) == len(path.split(".")) or (bool(found) and "dict" in str(found[-1].annotation))


SETTING = re.compile(rf"({'|'.join(Settings.model_fields)})((?:\.[a-z_]+)+)(?=$|: |=)")


@pytest.mark.parametrize(
    "code", [code for code in INLINE if SETTING.match(code.text)], ids=lambda code: f"{code}:{code.text}"
)
def test_every_setting_named_in_a_sentence_exists(code: Code) -> None:
    found = SETTING.match(code.text)
    assert found
    path = found.group(1) + found.group(2)
    assert exists(path) or path.rsplit(".", 1)[1] in ("parquet", "csv", "html", "py") or column(path), (
        f"{code}: no setting {path}"
    )


def column(path: str) -> bool:
    """`lift.value` is a table's column."""
    table, _, rest = path.partition(".")
    return table in TABLES and rest in TABLES[table].columns


@pytest.mark.parametrize("page", NOW, ids=name)
def test_every_variable_named_overrides_a_setting_that_exists(page: Path) -> None:
    for found in ENVIRONMENT.findall(page.read_text("utf-8")):
        assert found in KNOWN_VARIABLES or exists(found.lower().replace("__", ".")), (
            f"NIGHTSHIFT_{found} overrides nothing"
        )


def command(said: list[str]) -> tuple[TyperCommand, list[str]]:
    """The command that the words call, and its own words."""
    found = commands()
    for length in (2, 1):
        if " ".join(said[:length]) in found:
            return found[" ".join(said[:length])], said[length:]
    if said and f"{said[0]} list" in found:  # a group that lists by default
        return found[f"{said[0]} list"], said[1:]
    pytest.fail(f"there is no command `nightshift {' '.join(said)}`; there are {', '.join(found)}")


CALLS = [(block, said) for block in BLOCKS for said in calls(block)]


@pytest.mark.parametrize(
    ("block", "said"), CALLS, ids=lambda value: str(value) if isinstance(value, Code) else " ".join(value)
)
def test_every_call_in_a_block_is_one_that_the_command_line_takes(block: Code, said: list[str]) -> None:
    one, given = command(said)
    if "[options]" not in given:  # else a line of usage
        one.make_context(one.name, given)


SENTENCES = [code for code in INLINE if re.match(r"nightshift [a-z]", code.text)]


@pytest.mark.parametrize("code", SENTENCES, ids=lambda code: f"{code}:{code.text}")
def test_every_call_in_a_sentence_names_a_command_and_options_that_exist(code: Code) -> None:
    if code.text == "nightshift --help":
        return
    one, given = command(words(code.text.removeprefix("nightshift ").replace("[", " ").replace("]", " ")))
    options = {opt for param in one.params if isinstance(param, TyperOption) for opt in param.opts} | {
        "--help"
    }
    assert not [word for word in given if word.startswith("--") and word.partition("=")[0] not in options], (
        f"{code}: {code.text}"
    )


PYTHON = [
    block for block in BLOCKS if block.language == "python" or re.match(r"(import|from) \w", block.text)
]


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_every_block_of_python_is_python_and_imports_what_we_have(block: Code) -> None:
    for node in ast.walk(ast.parse(f"async def _():\n{textwrap.indent(block.text, ' ')}")):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in FLOORS:
            for alias in node.names:
                assert there(f"{node.module}.{alias.name}"), f"{block}: {node.module} has no {alias.name}"


EXCERPTS = [block for block in PYTHON if re.match(r"# \S+/\S+\.py\n", block.text)]


@pytest.mark.parametrize("block", EXCERPTS, ids=str)
def test_every_excerpt_stands_in_the_file_that_it_names(block: Code) -> None:
    first, *lines = block.text.splitlines()
    file = {line.strip() for line in (ROOT / first.removeprefix("# ")).read_text("utf-8").splitlines()}
    for line in lines:
        assert line.strip() in {"...", "...,", *file}, f"{block}: {first} has no line {line.strip()!r}"


def there(dotted: str) -> bool:
    """Whether `package.module.Name.attribute` can be reached."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        if is_module(".".join(parts[:length])):
            found: Any = importlib.import_module(".".join(parts[:length])) if length < len(parts) else None
            return all(
                found := getattr(found, part, None) or part in getattr(found, "model_fields", {})
                for part in parts[length:]
            )
    return False


def is_module(dotted: str) -> bool:
    path = ROOT.joinpath(*dotted.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


RUN = re.compile(r"python3? -m ([\w.]+)")
NO_MODULES = {"nightshift.yaml", "nightshift.sql", "benchmarks.NAME"}


@pytest.mark.parametrize("page", NOW, ids=name)
def test_every_module_that_a_page_runs_or_names_exists(page: Path) -> None:
    run = {
        found.rstrip(".") for found in RUN.findall(page.read_text("utf-8")) if found.split(".")[0] in FLOORS
    }
    named = {
        code.text.removesuffix("()")
        for code in inline(page)
        if A_MODULE.fullmatch(code.text.removesuffix("()"))
    }
    for dotted in (run | named) - NO_MODULES:
        assert there(dotted), f"{name(page)} names {dotted}"


@pytest.mark.parametrize("page", NOW, ids=name)
def test_every_file_of_ours_that_a_page_names_exists(page: Path) -> None:
    for code in inline(page):
        for path in [part for part in code.text.split() if A_PATH.fullmatch(part)]:
            assert (ROOT / path).exists() or list(ROOT.glob(path)), f"{code}: there is no {path}"


@pytest.mark.parametrize("page", NOW, ids=name)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for code in (*blocks(page), *inline(page)):
        found = re.findall(r"^\s*make ([a-z]+)\b", code.text, re.MULTILINE)
        assert set(found) <= targets, f"{code}: make {found}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading_of_the_repository(page: Path) -> None:
    for line, target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        to = (page.parent / path).resolve() if path else page
        assert to.exists(), f"{name(page)}:{line} links to {target}, which is not there"
        assert not anchor or anchor in anchors(to), f"{name(page)}:{line}: {to.name} has no heading #{anchor}"


def test_the_checks_of_this_file_find_what_they_look_for() -> None:
    """Not so few that the extraction itself could have broken."""
    assert len(configurations()) > 15
    assert len(CALLS) > 40
    assert len(SENTENCES) > 60
    assert len(PYTHON) > 3
    assert len(EXCERPTS) > 4
