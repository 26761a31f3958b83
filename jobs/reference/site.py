"""MkDocs hook: pages of the repository's root join the site, and links between them and docs/ lead to each
other.

On GitHub a page links to files of the repository (`../README.md`, `docs/models.md`); the site holds the
same pages under `SRC` names. A link to a file that the site does not hold is left as it is, and MkDocs,
being strict, names it.
"""

import os
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
JOINED = {
    "README.md": "overview.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "examples/recorded/README.md": "examples/recorded.md",
    "examples/serve_fastapi.py": "examples/serve_fastapi.md",
    "examples/polars_only.py": "examples/polars_only.md",
}
"""File of the repository to its page on the site."""
FOLDERS = {"examples/recorded": "examples/recorded/README.md"}
"""Folders that GitHub shows by their README."""
LINK = re.compile(r"(?<=\]\()([^)\s#:]+)(?=[)#])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the joined pages."""
    for source, uri in JOINED.items():
        text = (ROOT / source).read_text("utf-8")
        files.append(
            File.generated(config, uri, content=text if source.endswith(".md") else shown(source, text))
        )
    return files


def shown(source: str, text: str) -> str:
    """A program as a page."""
    return f"# {source}\n\n```python\n{text.strip()}\n```\n"


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links of the repository as links of the site."""
    here = page.file.src_uri
    return LINK.sub(lambda found: relinked(found[0], here), markdown)


def relinked(target: str, here: str) -> str:
    """`target`, as a page of the repository writes it, seen from the page `here` of the site."""
    source = next((source for source, uri in JOINED.items() if uri == here), f"docs/{here}")
    named = os.path.normpath(PurePosixPath(source).parent / target)
    uri = JOINED.get(
        FOLDERS.get(named, named), named.removeprefix("docs/") if named.startswith("docs/") else None
    )
    return os.path.relpath(uri, PurePosixPath(here).parent) if uri else target
