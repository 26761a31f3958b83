"""Consoles that cannot print what a night says: a night fails for its work, never for its console."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from nightshift.prompts.vocabulary import load_vocabulary
from tests.shop import VOCABULARY, Shop

ROOT = Path(__file__).parents[2]
BARE = {"PYTHONPATH": str(ROOT)}
"""As `env -i` leaves it: no HOME, no PATH, no locale."""
POOR = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "ascii:strict"},
    {"PYTHONIOENCODING": "iso-8859-1"},
    {"PYTHONIOENCODING": "cp1252"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]
"""Environments whose streams have no check mark."""


def python(code: str, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, check=False, env=BARE | env
    )


def command(words: str, env: dict[str, str], shop: Shop) -> subprocess.CompletedProcess[bytes]:
    line = [sys.executable, "-m", "jobs.cli", *words.split()]
    return subprocess.run(line, cwd=shop.folder, capture_output=True, check=False, env=BARE | env)


@pytest.mark.parametrize("env", POOR, ids=str)
def test_a_stream_writes_what_it_has_and_replaces_the_rest(env: dict[str, str], tmp_path: Path) -> None:
    say = "print('\\u2713 items'); print('\\u65e5', file=sys.stderr)"
    assert python(f"import sys; {say}", env, tmp_path).returncode == 1, "without it the process fails"
    done = python(
        f"import sys; from nightshift.storage.streams import forgive; forgive(); {say}", env, tmp_path
    )
    assert (done.returncode, done.stdout) == (0, b"? items\n")
    child = "import subprocess, sys; from nightshift.storage.streams import forgive; forgive(); "
    done = python(
        child + f"subprocess.run([sys.executable, '-c', {f'import sys; {say}'!r}], check=True)", env, tmp_path
    )
    assert (done.returncode, done.stdout) == (0, b"? items\n"), "and so in processes that it starts"


def test_a_stream_that_has_every_character_is_left_as_it_is(tmp_path: Path) -> None:
    code = "from nightshift.storage.streams import forgive; forgive(); print('\\u2713 \\u65e5')"
    assert python(code, {"PYTHONIOENCODING": "utf-8"}, tmp_path).stdout.decode() == "✓ 日\n"


@pytest.mark.parametrize(
    "entry",
    [
        "import jobs.definitions",
        "import sys; sys.argv = ['nightshift', '--help']; from jobs.cli import main\ntry: "
        "main()\nexcept SystemExit: pass",
    ],
    ids=["definitions", "cli"],
)
def test_entry_points_forgive_their_streams(shop: Shop, entry: str) -> None:
    done = python(
        f"{entry}\nprint('\\u2713')",
        {"PYTHONIOENCODING": "ascii", "NIGHTSHIFT_CONFIG": str(shop.config)},
        shop.folder,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.endswith(b"?\n")


def test_a_night_ends_well_on_a_console_without_a_check_mark(shop: Shop) -> None:
    done = command("run", {"PYTHONIOENCODING": "ascii"}, shop)
    assert done.returncode == 0, done.stderr.decode()
    assert b"  ? item_facts" in done.stdout
    done = command("check", {"PYTHONIOENCODING": "ascii"}, shop)
    assert (done.returncode, done.stderr) == (0, b"")


def test_what_a_program_reads_is_escaped_and_loses_nothing(shop: Shop) -> None:
    home = shop.folder / "日本"
    done = command("check --json --home 日本", {"PYTHONIOENCODING": "ascii"}, shop)
    assert json.loads(done.stdout)["home"] == str(home)
    raw = yaml.safe_load((shop.folder / "shop.yaml").read_text("utf-8")) | {"noun": "Gerät"}
    (shop.folder / "shop.yaml").write_text(yaml.safe_dump(raw), "utf-8")
    done = command("vocabulary --noun Gerät", {"PYTHONIOENCODING": "iso-8859-1"}, shop)
    (shop.folder / "mine.yaml").write_bytes(done.stdout)
    assert load_vocabulary("mine.yaml", shop.folder).noun == "Gerät"
    assert VOCABULARY["noun"] == "Item"


STORY = """
import logging, sys
from nightshift.storage.streams import forgive, let_go
forgive()
from jobs.console import StoryHandler
log = logging.Logger("night", logging.DEBUG)
log.addHandler(StoryHandler())
for number in range(3000):
    log.info("line %d of a night's story", number)
sys.stderr.write("the night goes on")
let_go()
"""


@pytest.mark.parametrize("out", ["a full disk", "nobody reads", "closed"])
def test_a_console_that_is_lost_is_no_loss_of_the_night(tmp_path: Path, out: str) -> None:
    how = {
        "a full disk": "> /dev/full",
        "nobody reads": "| head -1 > /dev/null; exit ${PIPESTATUS[0]}",
        "closed": ">&-",
    }[out]
    (tmp_path / "story.py").write_text(STORY, "utf-8")
    line = f"{sys.executable} story.py {how}"
    done = subprocess.run(
        ["bash", "-c", line], cwd=tmp_path, env=os.environ | BARE, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "the night goes on")
