"""What the repository's pages say, taken apart: code blocks, inline code, links and headings, as
CommonMark reads them."""

import itertools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[1]
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
)
"""Every page that a stranger reads."""
CALL = re.compile(r"(?:^|\$ |bin/|&& |; |\| )nightshift\s+(?=[a-z])")
"""Where a line of a block calls the command line."""
ENDS = {"|", "||", "&", "&&", ";", ">", ">>", "<", "2>", "&>"}


@dataclass(frozen=True)
class Code:
    """A piece of code on a page. `language` is that of the fence, empty without one; `inline` is code
    inside a sentence."""

    page: str
    line: int
    language: str
    text: str
    inline: bool = False

    def __str__(self) -> str:
        """Where it stands, for test ids and messages."""
        return f"{self.page}:{self.line}"


def name(page: Path) -> str:
    """A page as seen from the repository's root."""
    return page.relative_to(ROOT).as_posix()


def tokens(page: Path) -> list[Token]:
    """Its CommonMark tokens, tables included."""
    return MarkdownIt("commonmark").enable("table").parse(page.read_text("utf-8"))


def blocks(page: Path) -> Iterator[Code]:
    """Fenced and indented blocks."""
    for token in tokens(page):
        if token.type in ("fence", "code_block") and token.map:
            yield Code(name(page), token.map[0] + 1, token.info.strip(), token.content)


def inline(page: Path) -> Iterator[Code]:
    """Code inside sentences, table cells and headings."""
    for token in tokens(page):
        for child in token.children or ():
            if child.type == "code_inline":
                yield Code(
                    name(page), (token.map or [0])[0] + 1, "", " ".join(child.content.split()), inline=True
                )


def links(page: Path) -> Iterator[tuple[int, str]]:
    """Line and target of every link and image."""
    for token in tokens(page):
        for child in token.children or ():
            target = child.attrs.get("href") or child.attrs.get("src")
            if target:
                yield (token.map or [0])[0] + 1, str(target)


def anchors(page: Path) -> set[str]:
    """What `page.md#...` may name: headings as GitHub writes them, numbered where they repeat."""
    found: dict[str, int] = {}
    every: set[str] = set()
    parsed = tokens(page)
    for opened, content in itertools.pairwise(parsed):
        if opened.type == "heading_open":
            text = "".join(child.content for child in content.children or ())
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            every.add(f"{slug}-{found[slug]}" if slug in found else slug)
            found[slug] = found.get(slug, 0) + 1
    return every


def calls(code: Code) -> Iterator[list[str]]:
    """The words after `nightshift` of every call in a block, up to a pipe, a redirection or a comment."""
    for line in code.text.replace("\\\n", " ").splitlines():
        for found in CALL.finditer(line.strip()):
            yield words(line.strip()[found.end() :])


def words(rest: str) -> list[str]:
    """The words of one call."""
    lexer = shlex.shlex(rest, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split, lexer.commenters = True, "#"
    said: list[str] = []
    for word in lexer:
        if word in ENDS:
            break
        said.append(word)
    return said
