"""A night that is killed: what was answered stays, and the same command goes on with the rest."""

import time

from tests.faults import nights
from tests.faults.nights import KILLED


def test_a_command_killed_from_outside_is_continued_by_the_same_command(small, calm, first) -> None:
    home, process = small.folder / ".nightshift", nights.start(small, first)
    while process.poll() is None and len([*home.glob("ledger/answers/*.parquet")]) < 2:
        time.sleep(0.002)
    process.kill()
    assert nights.said(process)[0] == KILLED
    assert nights.readable(home)
    kept = set(nights.paid(home)["content_key"])
    assert 0 < len(kept) < calm.paid().height
    code, printed = nights.run(small, first)
    assert code == 0, printed
    assert not nights.differences(nights.tables(home, first), calm.tables())
    assert kept <= set(nights.paid(home)["content_key"]) == set(calm.paid()["content_key"])
