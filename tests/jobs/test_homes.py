"""Homes with odd names, and homes that cannot be: a night runs, or words and exit code 2; never the
current folder by mistake."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs.cli import app
from jobs.homes import addressable, dagster_folder, writable
from jobs.running import dagster_home, open_instance
from nightshift.errors import ConfigError
from nightshift.night.config import load_settings, refuse_empty
from tests.shop import Shop

ODD = [
    "shop%20copy",
    "a%3Fb",
    "%%41",
    "what?",
    "?mode=memory",
    "100% %d",
    "x y",
    "ü [v2]",
    "a#b&c=d;e:f@g",
    "日本",
]


@pytest.mark.parametrize("name", ODD)
def test_dagster_keeps_its_runs_in_a_home_of_any_name(shop: Shop, name: str) -> None:
    settings = shop.write(home=f"{name}/home", cache=str(shop.folder / "cache"))
    for _ in range(2):
        with open_instance(dagster_home(settings)) as instance:
            assert instance.get_runs_count() == 0
    assert (shop.folder / name / "home" / "dagster" / "history" / "runs.db").is_file()
    beside = {path.name for path in shop.folder.iterdir()} - {
        "sources",
        "shop.yaml",
        "nightshift.yaml",
        "cache",
        name,
    }
    assert beside == set(), "nothing lies under a name that was read wrongly"


def test_a_plain_home_has_its_own_name_and_an_odd_one_always_the_same_link(shop: Shop) -> None:
    plain = shop.write(cache=str(shop.folder / "cache"))
    assert dagster_home(plain) == plain.home_folder / "dagster"
    odd = shop.write(home="a%20b", cache=str(shop.folder / "cache"))
    link = dagster_home(odd)
    assert (link, link.resolve()) == (dagster_home(odd), odd.home_folder / "dagster")
    assert addressable(shop.folder / "a%20c", odd) != link
    link.unlink()
    link.symlink_to("elsewhere")
    assert dagster_home(odd).resolve() == odd.home_folder / "dagster", (
        "a link that leads elsewhere is made anew"
    )


def test_a_cache_of_an_odd_name_or_one_that_cannot_be_written_holds_no_links(shop: Shop) -> None:
    (shop.folder / "file").touch()
    for cache in ("ca%20che", "file"):
        settings = shop.write(home="a%20b", cache=str(shop.folder / cache))
        with open_instance(dagster_home(settings)) as instance:
            assert instance.get_runs_count() == 0


@pytest.mark.parametrize("command", ["check", "plan", "run", "rejects", "costs"])
@pytest.mark.parametrize(
    ("home", "words"),
    [
        ("", "empty"),
        (" ", "empty"),
        ("nightshift.yaml", "is a file, not a folder"),
        ("nightshift.yaml/home", "is a file, not a folder"),
        ("/dev/null/home", "is a file, not a folder"),
        ("circle", "leads nowhere"),
        ("~nobody-of-that-name/home", "leads nowhere"),
        ("h" * 300, "name another folder"),
    ],
    ids=lambda value: value[:20],
)
def test_a_home_that_cannot_be_is_refused_in_words(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, command: str, home: str, words: str
) -> None:
    monkeypatch.chdir(shop.folder)
    Path("circle").symlink_to("circle")
    before = set(shop.folder.iterdir())
    error = CliRunner().invoke(app, [command, "--home", home]).exception
    assert isinstance(error, ConfigError)
    assert words in str(error)
    assert error.exit_code == 2
    assert set(shop.folder.iterdir()) == before


@pytest.mark.parametrize("home", ["/proc/home", "/proc/1/x/home", "nowhere"])
def test_a_home_that_cannot_be_written_is_refused_by_check_and_before_a_night(shop: Shop, home: str) -> None:
    (shop.folder / "nowhere").symlink_to("/proc/not/there")
    settings = shop.write(home=home)
    for refuse in (writable, dagster_folder):
        with pytest.raises(
            ConfigError, match=r"home /proc/.* cannot be written: .*--home, NIGHTSHIFT_HOME or `home`"
        ):
            refuse(settings)


def test_check_leaves_nothing_where_the_home_will_be_and_a_dangling_link_becomes_one(shop: Shop) -> None:
    (shop.folder / "link").symlink_to(shop.folder / "target" / "home")
    settings = shop.write(home="link")
    before = set(shop.folder.iterdir())
    writable(settings)
    assert set(shop.folder.iterdir()) == before
    assert dagster_home(settings) == shop.folder / "target" / "home" / "dagster"


@pytest.mark.parametrize("key", ["home", "cache"])
def test_an_empty_folder_in_the_file_is_refused(shop: Shop, key: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"nightshift.yaml: {key}: an empty path would be the current folder"
    ):
        shop.write(**{key: ""})


@pytest.mark.parametrize("name", ["NIGHTSHIFT_CONFIG", "NIGHTSHIFT_HOME", "NIGHTSHIFT_CACHE"])
def test_an_empty_variable_is_refused_by_its_name(
    name: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=f"{name} is empty; unset it"):
        refuse_empty({name: " "})
    refuse_empty({})
    monkeypatch.chdir(shop.folder)
    error = CliRunner().invoke(app, ["check"], env={name: ""}).exception
    assert isinstance(error, ConfigError)
    assert name in str(error)


def test_a_tilde_that_the_shell_left_is_the_users_folder(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(shop.folder / "user"))
    settings = load_settings(shop.config, Path("~/nights"))
    assert settings.home_folder == Path(os.environ["HOME"]) / "nights"
