"""A heartbeat is logged when it counts more than the one before; the file that `watch` reads gets every
one."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from assets.heartbeats import Teller
from nightshift.night.heartbeat import Beat


@pytest.fixture
def teller(shop: Any, caplog: pytest.LogCaptureFixture) -> Teller:
    caplog.set_level(logging.INFO, "beats")
    return Teller(SimpleNamespace(log=logging.getLogger("beats")), shop.night())  # type: ignore[arg-type]


def test_beats_that_count_nothing_new_are_logged_once(
    teller: Teller, caplog: pytest.LogCaptureFixture
) -> None:
    tell = teller.new_round()
    for seconds, done in enumerate([0, 0, 0, 32, 32, 64, 64]):
        tell(Beat("group_facts", done, 64, 0, 10 * done, float(seconds)))
    assert [record.getMessage().split(" (")[0] for record in caplog.records] == [
        f"group_facts: {n}/64 rows" for n in (0, 32, 64)
    ]


def test_a_further_round_goes_on_counting(teller: Teller, caplog: pytest.LogCaptureFixture) -> None:
    for total in (64, 8):
        tell = teller.new_round()
        tell(Beat("item_facts", 0, total, 0, 0, 1.0))
        tell(Beat("item_facts", total, total, 0, 0, 2.0))
    assert [record.getMessage().split(" rows")[0] for record in caplog.records] == [
        "item_facts: 0/64",
        "item_facts: 64/64",
        "item_facts: 64/72",
        "item_facts: 72/72",
    ]
