"""A planted key is nowhere: not in the home, not in Dagster's own storage, not in what is printed, however
a night ends."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightshift.sources.datasets.synthetic import SyntheticSettings, make_world
from tests.loopback import Action, Asked, Behaviour, Loopback, hang, proper, raw, status
from tests.shop import Shop, open_shop

pytestmark = [pytest.mark.loopback, pytest.mark.slow]
KEY = "sk-night-Zq7Vp2Lx9Rt4Bw8Kd3Ns6Hf1"
"""As a hosted provider writes them."""
ODD_KEY = "p4ss/w0rd+of=the&night"
"""As nobody writes them: nothing that a pattern would know."""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return open_shop(tmp_path, make_world(SyntheticSettings(seed=7, n_users=6, n_items=8, days=30)))


def point(shop: Shop, url: str) -> None:
    """Let the shop's nights ask this server, with a key from the environment."""
    server: dict[str, object] = {
        "base_url": url,
        "retries": 0,
        "api_key_env": "NIGHT_KEY",
        "timeout_seconds": 0.5,
        "concurrency": 4,
    }
    server |= {"usd_per_million_prompt": 0.0, "usd_per_million_new": 0.0}
    shop.write(
        llm={"backend": "openai", "model": "tiny@r1", "server": server},
        budget={"tables": {"item_tag_scores": 0}},
    )


def night(shop: Shop, key: str, number: int = 0) -> tuple[int, str]:
    """A whole night as a process of its own, everything it prints, and the commands that show what became
    of it."""
    environment = {
        "PYTHONPATH": str(ROOT),
        "PATH": "/usr/bin:/bin",
        "NIGHT_KEY": key,
        "HOME": os.environ.get("HOME", "/root"),
    }
    as_of = shop.nights()[number].isoformat()
    said, code = "", 0
    for words in (["run", "--as-of", as_of], ["rejects", "--json"]):
        command = [sys.executable, "-c", "from jobs.cli import main; main()", *words]
        done = subprocess.run(
            command,
            cwd=shop.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        said += done.stdout + done.stderr
        code = done.returncode if words[0] == "run" else code
    return code, said


def spellings(key: str) -> Iterator[bytes]:
    """The key as it may stand in a file: plain, in JSON, in UTF-16, and its larger half."""
    yield from (
        key.encode(),
        json.dumps(key)[1:-1].encode(),
        key.encode("utf-16-le"),
        key[: 2 * len(key) // 3].encode(),
    )


def files_with(key: str, folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files), "Dagster's storage is among the files"
    return [
        str(path)
        for path in files
        for raw_bytes in [path.read_bytes()]
        if any(each in raw_bytes for each in spellings(key))
    ]


def echoes_the_key(asked: Asked) -> Action:
    """401, with the key in the message and in a header, as real servers have done."""
    sent = asked.headers["authorization"]
    return status(401, {"error": {"message": f"Incorrect API key provided: {sent}."}}, x_key=sent)


def leaks_in_an_answer(asked: Asked) -> Action:
    """A broken reply that carries the request's headers, then an error that does."""
    sent = asked.headers["authorization"]
    return (
        raw(f'{{"headers": "{sent}", "choices": [}}'.encode())
        if asked.number % 2
        else status(500, {"debug": sent})
    )


ENDINGS: dict[str, tuple[Behaviour, set[int]]] = {
    "kind": (lambda asked: proper(), {0, 3}),
    "401 that echoes the key": (echoes_the_key, {1}),
    "500 and broken replies that echo the key": (leaks_in_an_answer, {0, 1, 3}),
    "hangs": (lambda asked: hang, {0, 1, 3}),
}


CASES = [
    *((ending, KEY) for ending in ENDINGS),
    *((ending, ODD_KEY) for ending in ENDINGS if ending.startswith("401")),
]


@pytest.mark.parametrize(("ending", "key"), CASES)
def test_the_key_is_nowhere_however_the_night_ends(shop: Shop, ending: str, key: str) -> None:
    behaviour, codes = ENDINGS[ending]
    with Loopback(behaviour) as server:
        point(shop, server.url)
        code, said = night(shop, key)
        sent = {asked.headers.get("authorization") for asked in server.asked}
    assert code in codes, said
    assert sent == {f"Bearer {key}"}, "the key was used, so its absence means something"
    assert files_with(key, shop.folder) == []
    assert not [each for each in spellings(key) if each.decode("latin-1") in said]
