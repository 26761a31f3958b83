"""What `nightshift check` says of a file that divides users."""

from typing import Any

import pytest
import yaml

from jobs.check import checked
from nightshift.errors import SourceError
from nightshift.night.config import load_settings
from tests.shop import Shop


def with_users(shop: Shop, text: str) -> Any:
    (shop.folder / "users.csv").write_text(text)
    raw = yaml.safe_load(shop.config.read_text())
    raw["sources"]["users"] = {"path": "users.csv", "user_id": "uid", "groups": ["club"]}
    shop.config.write_text(yaml.safe_dump(raw))
    return checked(load_settings(shop.config))


def test_a_file_whose_users_are_not_those_of_the_events_is_odd_and_one_that_fits_is_not(shop: Shop) -> None:
    names = shop.world.interactions["user_id"].unique().sort()
    strangers = with_users(shop, "uid,club\n" + "".join(f"x{name},gold\n" for name in names))
    (found,) = [finding for finding in strangers.findings if "users.csv" in finding.what]
    assert (
        found.what
        == f"{len(names)} of {len(names)} users with events are not in users.csv, {names[0]!r} for one"
    )
    assert "sources.users.user_id (uid)" in found.fix
    fitting = with_users(shop, "uid,club\n" + "".join(f"{name},gold\n" for name in names))
    assert not [finding for finding in fitting.findings if "users.csv" in finding.what]


def test_a_file_that_cannot_be_read_stops_before_anything_is_paid(shop: Shop) -> None:
    with pytest.raises(
        SourceError, match=r"users.csv has no column 'club', which sources.users.groups names"
    ):
        with_users(shop, "uid,team\n1,gold\n")
