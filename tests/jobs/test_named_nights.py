"""What is said of a night that is not there, by the commands in this process."""

from datetime import UTC, date, datetime, timedelta

import pytest
from typer.testing import CliRunner

from jobs.cli import app
from nightshift.errors import ConfigError, InputError
from nightshift.tables import REJECTS
from tests.shop import Shop


def failure(shop: Shop, *words: str) -> BaseException | None:
    return CliRunner().invoke(app, [*words, "--config", str(shop.config)]).exception


@pytest.mark.parametrize("command", ["run", "train"])
def test_no_night_runs_before_it_has_begun(command: str, shop: Shop) -> None:
    last = shop.nights()[-1]
    later = failure(shop, command, "--as-of", str(last + timedelta(days=1)))
    assert isinstance(later, ConfigError)
    assert f"is after nights.last; the newest is {last}" in str(later)
    shop.write(nights={"first": str(shop.nights()[0])})
    to_come = datetime.now(UTC).date() + timedelta(days=2)
    assert f"night {to_come} has not begun" in str(failure(shop, command, "--as-of", str(to_come)))


def test_a_plan_may_be_of_a_night_to_come(shop: Shop) -> None:
    assert failure(shop, "plan", "--as-of", str(shop.nights()[-1] + timedelta(days=1))) is None


def test_a_night_that_nobody_published_is_named_with_those_there_are(shop: Shop) -> None:
    nothing = failure(shop, "rejects")
    assert isinstance(nothing, InputError)
    assert "run one: nightshift run" in str(nothing)
    first, second, _ = shop.nights()
    for night in (first, second):
        shop.night().store.publish(REJECTS, night, REJECTS.empty())
    early = failure(shop, "rejects", "--as-of", str(date(2001, 1, 1)))
    assert (
        f"no night of rejects is as old as 2001-01-01 under {shop.folder / '.nightshift'}; there are "
        f"{first} to {second}" in str(early)
    )
    between = CliRunner().invoke(
        app, ["rejects", "--config", str(shop.config), "--as-of", str(second - timedelta(days=1)), "--json"]
    )
    assert between.exit_code == 0
    assert between.stdout == "[]\n"
    assert f"this is {first}, the newest before it" in between.stderr


def test_costs_of_a_home_without_a_night_are_words(shop: Shop) -> None:
    done = CliRunner().invoke(app, ["costs", "--config", str(shop.config)])
    assert "has asked a model; start one: nightshift run" in done.stdout
