import math
import time
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from nightshift.night.heartbeat import Beat, Heartbeat, TextHeartbeat
from nightshift.storage.ledger import ANSWERS, REJECTED, Ledgers


def answer(
    key: str, run_id: str = "tonight", table: str = "item_facts", usd: float | None = 0.25
) -> dict[str, object]:
    plain: dict[str, object] = dict.fromkeys(ANSWERS)
    now = datetime(2024, 1, 1, tzinfo=UTC)
    return (
        plain
        | {"content_key": key, "run_id": run_id, "table": table, "as_of": date(2024, 1, 1), "created_at": now}
        | {"prompt_tokens": 10, "cached_tokens": 4, "new_tokens": 2, "cost_usd": usd}
    )


def rejected(key: str, **values: object) -> dict[str, object]:
    row = answer(key)
    return {name: row.get(name) for name in REJECTED} | {"attempt": 1, "reason": "empty"} | values


def test_a_beat_counts_this_blocks_calls_for_this_run_and_table_only(tmp_path: Path) -> None:
    ledgers = Ledgers(tmp_path)
    ledgers.answers.append([answer("from an earlier round")], "r")
    beats: list[Beat] = []
    with Heartbeat(ledgers, "item_facts", "tonight", total=4, hits=1, emit=beats.append):
        ledgers.answers.append(
            [answer("a"), answer("c", run_id="last night"), answer("d", table="user_preferences")], "r"
        )
        ledgers.rejects.append([rejected("b"), rejected("e", run_id="last night")], "r")
    assert [(beat.done, beat.total, beat.hits, beat.tokens, beat.usd) for beat in beats] == [
        (2, 4, 1, 16, 0.5)
    ]


def test_money_that_nobody_knows_is_not_shown_as_none_spent(tmp_path: Path) -> None:
    ledgers = Ledgers(tmp_path)
    beats: list[Beat] = []
    with Heartbeat(ledgers, "item_facts", "tonight", total=1, hits=0, emit=beats.append):
        ledgers.answers.append([answer("a", usd=None)], "r")
    assert beats[0].usd is None
    assert "$?" in beats[0].line()


def test_it_beats_while_the_work_runs_and_once_more_at_its_end(tmp_path: Path) -> None:
    ledgers = Ledgers(tmp_path)
    beats: list[Beat] = []
    with Heartbeat(ledgers, "item_facts", "tonight", total=1, hits=0, emit=beats.append, every=0.01):
        while not beats:
            time.sleep(0.005)
        ledgers.answers.append([answer("a")], "r")
    assert beats[0].done == 0
    assert beats[-1].done == 1


def test_an_error_in_the_work_is_not_swallowed_and_stops_the_beat(tmp_path: Path) -> None:
    beats: list[Beat] = []
    with (
        pytest.raises(ValueError, match="broken"),
        Heartbeat(Ledgers(tmp_path), "t", "r", 1, 0, beats.append, every=60),
    ):
        raise ValueError("broken")
    assert len(beats) == 1


def test_a_line_says_how_far_how_fast_and_how_long() -> None:
    beat = Beat("item_facts", done=128, total=400, hits=100, tokens=9000, seconds=10, usd=1.234)
    assert beat.eta_seconds == pytest.approx(21.25)
    line = beat.line()
    for part in (
        "item_facts: 128/400 rows (32%)",
        "hit rate 20%",
        "900 tokens/s",
        "$1.23",
        "about 21 s left",
    ):
        assert part in line


def test_before_the_first_batch_there_is_no_estimate() -> None:
    beat = Beat("t", done=0, total=0, hits=0, tokens=0, seconds=0.0)
    assert math.isnan(beat.eta_seconds)
    assert "waiting for the first batch" in beat.line()


def test_rounds_of_one_table_are_told_as_one_count() -> None:
    first = Beat("t", done=380, total=380, hits=100, tokens=9000, seconds=10, usd=1.0)
    second = Beat("t", done=30, total=60, hits=480, tokens=1000, seconds=2, usd=0.5).after(first)
    assert (second.done, second.total, second.hits, second.tokens, second.seconds, second.usd) == (
        410,
        440,
        100,
        10_000,
        12,
        1.5,
    )
    assert second.after(None) is second
    assert Beat("t", 1, 1, 0, 1, 1.0, None).after(first).usd is None


def test_what_is_done_says_how_long_it_took_and_long_times_are_minutes() -> None:
    assert "took 10 s" in Beat("t", done=4, total=4, hits=0, tokens=9, seconds=10).line()
    assert "about 50 min left" in Beat("t", done=1, total=4, hits=0, tokens=9, seconds=1000).line()


def test_texts_are_counted_by_their_vectors_and_cost_nothing(tmp_path: Path) -> None:
    ledgers = Ledgers(tmp_path)

    def vector(key: str, run_id: str = "tonight", view: str = "text") -> dict[str, object]:
        return {"content_key": key, "encoder_id": "e", "view": view, "run_id": run_id, "vector": [1.0]}

    ledgers.vectors.append([vector("from the items")], "r")
    beats: list[Beat] = []
    with TextHeartbeat(ledgers, "user_embeddings", "tonight", total=2, hits=6, emit=beats.append):
        ledgers.vectors.append(
            [vector("a"), vector("b"), vector("c", run_id="last night"), vector("d", view="hidden")], "r"
        )
    assert (beats[0].done, beats[0].total, beats[0].hits, beats[0].what) == (2, 2, 6, "texts")
    assert "user_embeddings: 2/2 texts (100%), hit rate 75%" in beats[0].line()
    assert "$" not in beats[0].line()
