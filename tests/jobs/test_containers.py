"""The containers of docs/scheduling.md, as far as they can be read without Docker."""

import re
from pathlib import Path
from typing import Any

import yaml

from jobs.running import INSTANCE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scheduling.md").read_text("utf-8")


def block(language: str) -> str:
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def compose() -> Any:
    return yaml.safe_load(block("yaml"))


def test_every_service_has_the_image_the_home_a_healthcheck_and_waits_for_the_code() -> None:
    services = compose()["services"]
    assert set(services) == {"code", "webserver", "daemon"}
    for name, service in services.items():
        assert service["image"] == "nightshift"
        assert "home:/home/nightshift" in service["volumes"]
        assert service["healthcheck"]["test"][0] == "CMD"
        assert name == "code" or service["depends_on"] == {"code": {"condition": "service_healthy"}}
        assert all(isinstance(word, str) for word in service["command"] + service["healthcheck"]["test"])
    assert "home" in compose()["volumes"]


def test_the_instance_of_the_containers_is_the_one_that_the_command_line_writes() -> None:
    assert yaml.safe_load(compose()["configs"]["dagster"]["content"]) == yaml.safe_load(INSTANCE)


def test_the_image_copies_files_that_are_there_and_reads_the_volume() -> None:
    copied = [words.split()[1:-1] for words in re.findall(r"^COPY .*", block("dockerfile"), re.MULTILINE)]
    for name in (name for names in copied for name in names):
        assert (ROOT / name).exists(), name
    packages = re.findall(r'packages = \["nightshift", .*\]', (ROOT / "pyproject.toml").read_text())
    assert all(f"COPY {name} {name}" in block("dockerfile") for name in re.findall(r'"(\w+)"', packages[0]))
    assert "DAGSTER_HOME=/home/nightshift/dagster" in block("dockerfile")
