import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nightshift.errors import NightshiftError, TableError
from nightshift.night.budget import Spent
from nightshift.storage import parts
from nightshift.storage.ledger import ANSWERS, CALL, REJECTED, RETRIED, VECTORS, Ledger, Ledgers


def answer(key: str, text: str = "said", **values: Any) -> dict[str, Any]:
    common = {
        "table": "item_facts",
        "as_of": date(2024, 1, 1),
        "run_id": "r",
        "model_id": "m",
        "created_at": datetime(2024, 1, 1, tzinfo=UTC),
    }
    spent = {"prompt_tokens": 10, "cached_tokens": 0, "new_tokens": 2, "seconds": 0.5, "cost_usd": 0.0}
    said = {"prompt_id": "p", "text": text, "finish_reason": "stop", "scores": None, "choices": None}
    return {"content_key": key} | common | said | spent | values


def answers(keys: Iterable[str]) -> list[dict[str, Any]]:
    return [answer(key) for key in keys]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "answers", ANSWERS)


def reopened(ledger: Ledger) -> Ledger:
    return Ledger(ledger.folder, ledger.schema)


def test_an_empty_ledger_answers_every_question(ledger: Ledger) -> None:
    assert ledger.keys().to_list() == []
    assert ledger.lookup(["a"]).is_empty()
    assert ledger.scan().collect().schema == ANSWERS
    assert ledger.compact() is False
    assert not ledger.folder.exists()


def test_what_is_appended_is_found_by_any_later_process_and_by_plain_polars(ledger: Ledger) -> None:
    ledger.append(answers("ab"), "r1")
    ledger.append([answer("c", scores=[0.5, -1.0], choices=["mood:dark", "mood:sad"])], "r2")
    later = reopened(ledger)
    assert sorted(later.keys()) == ["a", "b", "c"]
    assert later.lookup(["c", "unknown"], ["content_key", "scores"]).rows() == [("c", [0.5, -1.0])]
    assert pl.read_parquet(ledger.folder / "*.parquet").schema == ANSWERS


def test_parts_are_never_rewritten_and_nothing_hidden_stays(ledger: Ledger) -> None:
    first = ledger.append(answers("a"), "r")
    before = first.stat()
    ledger.append(answers("b"), "r")
    assert first.stat().st_mtime_ns == before.st_mtime_ns
    assert [path for path in ledger.folder.iterdir() if path.name.startswith(".")] == []


def test_a_row_without_a_key_is_refused_and_nothing_is_written(ledger: Ledger) -> None:
    with pytest.raises(TableError, match="no content key"):
        ledger.append([answer("a"), answer(None)], "r")  # type: ignore[arg-type]
    assert ledger.parts() == []


def test_a_key_answered_twice_is_read_once_and_the_oldest_answer_stays(ledger: Ledger) -> None:
    ledger.append([answer("a", "first")], "r1")
    ledger.append([answer("a", "second"), answer("b", "other")], "r2")
    assert sorted(ledger.scan().select("content_key", "text").collect().rows()) == [
        ("a", "first"),
        ("b", "other"),
    ]
    assert ledger.lookup(["a"], ["text"]).rows() == [("first",)]


def test_lookup_counts_a_key_once_however_often_it_is_wanted(ledger: Ledger) -> None:
    ledger.append(answers("ab"), "r")
    assert ledger.lookup(["a", "a", "a"]).height == 1


def test_a_reject_keeps_both_attempts_and_a_vector_each_view(tmp_path: Path) -> None:
    ledgers = Ledgers(tmp_path)
    plain = {name: value for name, value in answer("a").items() if name in REJECTED}
    ledgers.rejects.append(
        [plain | {"row_id": "1", "attempt": attempt, "reason": "empty"} for attempt in (1, 2, 2)], "r"
    )
    assert sorted(ledgers.rejects.scan().collect()["attempt"]) == [1, 2]
    vector = {"content_key": "a", "encoder_id": "e", "run_id": "r", "vector": [0.0, 1.0]}
    ledgers.vectors.append([vector | {"view": view} for view in ("text", "hidden")], "r")
    assert ledgers.vectors.lookup(["a"]).schema == VECTORS
    assert ledgers.vectors.lookup(["a"]).height == 2


@pytest.mark.parametrize("damage", ["truncated", "flipped", "emptied", "foreign"])
def test_a_torn_part_is_set_aside_and_its_rows_are_asked_again(
    ledger: Ledger, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    ledger.append(answers("a"), "r")
    torn = ledger.append(answers("bc"), "r")
    raw = torn.read_bytes()
    harm = {
        "truncated": raw[:-20],
        "emptied": b"",
        "foreign": raw + b"x",
        "flipped": raw[:40] + bytes([raw[40] ^ 1]) + raw[41:],
    }
    torn.write_bytes(harm[damage])
    later = reopened(ledger)
    assert later.keys().to_list() == ["a"]
    assert torn.name in caplog.text
    assert (ledger.folder / "torn" / torn.name).exists()
    later.append(answers("bc"), "r")
    assert sorted(reopened(ledger).keys()) == ["a", "b", "c"]


def test_a_file_without_our_name_is_not_read(ledger: Ledger) -> None:
    ledger.append(answers("a"), "r")
    pl.DataFrame(answers("b"), schema=ANSWERS).write_parquet(ledger.folder / "mine.parquet")
    assert reopened(ledger).keys().to_list() == ["a"]


def test_the_hidden_file_of_a_killed_writer_is_never_read_and_swept_after_a_day(ledger: Ledger) -> None:
    part = ledger.append(answers("a"), "r")
    left = part.with_name(f".{part.name}.0123abcd")
    left.write_bytes(part.read_bytes()[:100])
    assert reopened(ledger).keys().to_list() == ["a"]
    ledger.compact()
    assert left.exists()
    os.utime(left, (time.time() - 90_000,) * 2)
    ledger.compact()
    assert not left.exists()
    assert part.exists()


def test_compaction_keeps_each_key_once_and_one_part(ledger: Ledger) -> None:
    for text in ("first", "second"):
        for key in "abc":
            ledger.append([answer(key, text)], "r")
    before = ledger.scan().collect().sort("content_key")
    assert ledger.compact(many=6) is False
    assert ledger.compact(many=5) is True
    assert len(ledger.parts()) == 1
    assert ledger.compact(many=0) is False, "one part is nothing to merge"
    assert pl.read_parquet(ledger.parts()).height == 3
    assert reopened(ledger).scan().collect().sort("content_key").equals(before)
    assert before["text"].to_list() == ["first"] * 3


def test_a_compaction_killed_before_it_removed_anything_is_finished_by_the_next_one(ledger: Ledger) -> None:
    parts = [ledger.append([answer(key)], run) for key, run in (("a", "0run"), ("b", "zrun"), ("c", "r"))]
    kept = {part: part.read_bytes() for part in parts}
    ledger.compact(many=1)
    (compacted,) = ledger.parts()
    for part, raw in kept.items():
        part.write_bytes(raw)  # as the killed process left it: the new part beside all the old ones
    again = reopened(ledger)
    assert len(again.parts()) == 4
    assert again.scan().collect().height == 3
    again.compact()
    assert again.parts() == [compacted]
    assert sorted(reopened(ledger).keys()) == ["a", "b", "c"]


@pytest.fixture
def tiny_merges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes of a ledger of gigabytes, in kilobytes."""
    monkeypatch.setattr("nightshift.storage.parts.BIG_BYTES", 40_000)
    monkeypatch.setattr("nightshift.storage.parts.SETTLED_BYTES", 20_000)


def test_a_big_part_is_never_rewritten_and_merges_stay_small(ledger: Ledger, tiny_merges: None) -> None:
    sizes: dict[str, int] = {}
    for number in range(60):
        ledger.append([answer(f"{number} {n}", text=os.urandom(50).hex()) for n in range(20)], "r")
        if ledger.compact(many=8):
            now = {part.name: part.stat().st_size for part in ledger.parts()}
            settled = {name for name, size in sizes.items() if size >= 20_000}
            assert settled <= now.keys(), "a settled part was rewritten"
            assert max(now.values()) <= 40_000
            sizes = now
    assert len([size for size in sizes.values() if size < 20_000]) <= 8
    assert len(sizes) < 20
    assert reopened(ledger).keys().len() == 1200


def test_each_row_is_rewritten_a_few_times_however_many_parts_come(ledger: Ledger) -> None:
    written = 0
    for number in range(160):
        ledger.append([answer(f"{number}", text=os.urandom(30_000).hex())], "r")
        before = set(ledger.parts())
        if ledger.compact(many=8):
            written += sum(
                pl.scan_parquet(part).select(pl.len()).collect().item()
                for part in set(ledger.parts()) - before
            )
    assert written < 5 * 160, "merging everything every eighth time would write 1,700 rows"
    assert reopened(ledger).keys().len() == 160


def test_neighbours_only_are_merged_so_that_the_oldest_answer_stays(
    ledger: Ledger, tiny_merges: None
) -> None:
    ledger.append([answer("first", text="early")], "r")
    ledger.append(
        [answer("both", text="early")] + [answer(f"{n}", text=os.urandom(99).hex()) for n in range(300)],
        "big",
    )
    ledger.append([answer("both", text="late")], "r")
    ledger.append([answer("last")], "r")
    assert ledger.compact(many=2) is True
    assert len(ledger.parts()) == 3
    assert reopened(ledger).lookup(["both"], ["text"]).rows() == [("early",)]


def test_a_part_of_an_earlier_version_without_some_columns_is_read_and_merged(ledger: Ledger) -> None:
    old = {name: dtype for name, dtype in ANSWERS.items() if name not in ("row_id", "text_key")}
    Ledger(ledger.folder, old).append(
        [{name: value for name, value in answer("a").items() if name in old}], "r"
    )
    ledger.append([answer("b", row_id="7", text_key="t")], "r")
    for _ in range(2):
        assert sorted(ledger.lookup(["a", "b"], ["content_key", "row_id", "text_key"]).rows()) == [
            ("a", None, None),
            ("b", "7", "t"),
        ]
        ledger.compact(many=1)
    assert len(ledger.parts()) == 1


def test_a_part_that_another_process_adds_is_seen_at_once(ledger: Ledger) -> None:
    ledger.append(answers("a"), "r")
    mine, other = reopened(ledger), reopened(ledger)
    assert mine.query(lambda rows: rows.select(pl.len())).item() == 1
    other.append(answers("ab"), "r")
    assert mine.query(lambda rows: rows.select(pl.len())).item() == 2
    assert sorted(mine.keys()) == ["a", "b"]


def test_a_process_hashes_a_part_once_and_again_when_it_changed(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    part = ledger.append(answers("a"), "r")
    ledger.append(answers("b"), "r")
    opened: list[str] = []
    watching = [True]
    sys.addaudithook(
        lambda event, words: opened.append(str(words[0])) if event == "open" and watching else None
    )
    mine = reopened(ledger)
    for _ in range(3):
        assert len(mine.parts()) == 2
    assert opened.count(str(part)) == 1
    part.write_bytes(part.read_bytes()[:-1])
    watching.clear()
    assert mine.keys().to_list() == ["b"]
    assert part.name in caplog.text


def test_a_part_is_on_the_disk_with_its_name_before_append_returns(ledger: Ledger) -> None:
    """The order of calls is what survives a power cut: bytes synced, renamed, the folder's names synced."""
    seen: list[tuple[str, str]] = []
    watching = [True]

    def watch(event: str, words: tuple[Any, ...]) -> None:
        if watching and event in ("open", "os.rename") and str(words[0]).startswith(str(ledger.folder)):
            seen.append(("sync" if event == "open" and words[1] is None else event, Path(str(words[0])).name))

    sys.addaudithook(watch)
    ledger.append(answers("a"), "r")
    watching.clear()
    ((hidden, _),) = [(name, event) for event, name in seen if event == "os.rename"]
    order = [
        step
        for step in seen
        if step in (("sync", hidden), ("os.rename", hidden), ("sync", ledger.folder.name))
    ]
    assert order[-3:] == [("sync", hidden), ("os.rename", hidden), ("sync", ledger.folder.name)]


def test_a_part_that_another_run_compacts_away_while_it_is_read_is_found_in_its_new_place(
    ledger: Ledger,
) -> None:
    ledger.append(answers("a"), "r")
    ledger.append(answers("b"), "r")
    turns = iter([reopened(ledger), None])

    def ask(rows: pl.LazyFrame) -> pl.LazyFrame:
        if (other := next(turns)) is not None:
            other.compact(many=1)  # between the listing of the parts and their reading
        return rows.select("content_key")

    assert sorted(ledger.query(ask)["content_key"]) == ["a", "b"]


def test_a_compaction_between_a_listing_and_the_look_at_its_parts_hides_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.append(answers("a"), "r")
    ledger.append(answers("b"), "r")
    look = parts._stamp

    def interrupted(part: Path) -> parts.Stamp:
        monkeypatch.setattr(parts, "_stamp", look)
        reopened(ledger).compact(many=1)
        return look(part)

    monkeypatch.setattr(parts, "_stamp", interrupted)
    assert sorted(reopened(ledger).keys()) == ["a", "b"]


def test_a_compaction_between_two_pieces_of_a_listing_hides_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.append(answers("a"), "r")
    ledger.append(answers("b"), "r")
    glob = Path.glob

    def in_pieces(folder: Path, pattern: str) -> Iterator[Path]:
        monkeypatch.setattr(Path, "glob", glob)
        reopened(ledger).compact(
            many=1
        )  # after the place of the merged part was read, before those of the others
        return iter(())

    monkeypatch.setattr(Path, "glob", in_pieces)
    assert sorted(reopened(ledger).keys()) == ["a", "b"]


def test_a_folder_whose_parts_keep_vanishing_is_named(ledger: Ledger) -> None:
    def ask(rows: pl.LazyFrame) -> pl.LazyFrame:
        for part in ledger.parts():
            part.unlink()
        ledger.append(answers("a"), "r")
        return rows

    ledger.append(answers("a"), "r")
    with pytest.raises(NightshiftError, match="answers vanished"):
        ledger.query(ask)


def test_two_writers_a_compactor_and_a_reader_at_once_lose_no_row(ledger: Ledger) -> None:
    seen: list[int] = []
    failures: list[BaseException] = []

    def guarded(work: Any) -> threading.Thread:
        def run() -> None:
            try:
                work(reopened(ledger))
            except BaseException as error:
                failures.append(error)

        return threading.Thread(target=run)

    def write(name: str) -> Any:
        return lambda mine: [mine.append(answers([f"{name}{n}", f"both{n}"]), name) for n in range(12)]

    threads = [guarded(write("x")), guarded(write("y"))]
    threads.append(guarded(lambda mine: [mine.compact(many=2) for _ in range(12)]))
    threads.append(guarded(lambda mine: [mine.compact(many=2) for _ in range(12)]))
    threads.append(guarded(lambda mine: seen.extend(mine.keys().n_unique() for _ in range(12))))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert seen == sorted(seen), "a row that was there once was missing later"
    assert reopened(ledger).scan().collect().height == 36


# what was paid


def refused(key: str, reason: str | None, **values: Any) -> dict[str, Any]:
    row = answer(key) | {"attempt": 1, "reason": reason} | values
    return {name: row.get(name) for name in REJECTED}


def test_calls_are_answers_and_rejects_without_the_rows_that_grant_further_attempts(tmp_path: Path) -> None:
    ledgers = Ledgers(tmp_path)
    ledgers.answers.append(answers(["a"]), "r")
    ledgers.rejects.append(
        [
            refused("b", "schema"),
            refused("c", "server"),
            refused("d", None),
            refused("b", RETRIED, run_id="mine"),
        ],
        "r",
    )
    calls = ledgers.calls(lambda rows: rows.sort("content_key"))
    assert calls.columns == [*CALL, "accepted"]
    assert calls.select("content_key", "accepted").rows() == [
        ("a", True),
        ("b", False),
        ("c", False),
        ("d", False),
    ]
    assert calls["prompt_tokens"].sum() == 40


def test_a_question_about_calls_is_one_question_to_both_ledgers(tmp_path: Path) -> None:
    ledgers = Ledgers(tmp_path)
    assert ledgers.calls(lambda rows: rows.select(pl.len(), pl.col("cost_usd").sum())).rows() == [(0, 0.0)]
    ledgers.answers.append([answer("a", cost_usd=1.0), answer("x", table="group_facts")], "r")
    ledgers.rejects.append([refused("b", "schema", cost_usd=None)], "r")
    by_table = ledgers.calls(
        lambda rows: rows.group_by("table").agg(pl.len(), pl.col("cost_usd").null_count()).sort("table")
    )
    assert by_table.rows() == [("group_facts", 1, 0), ("item_facts", 2, 1)]


def test_an_attempt_that_stands_twice_is_one_call(tmp_path: Path) -> None:
    ledgers = Ledgers(tmp_path)
    for _ in range(2):
        ledgers.answers.append(answers(["a"]), "r")
        ledgers.rejects.append([refused("b", "schema")], "r")
    assert ledgers.calls(lambda rows: rows.select(pl.len())).item() == 2


@pytest.mark.parametrize("compacted", [False, True])
def test_a_key_that_two_runs_paid_for_is_one_answer_and_two_payments(ledger: Ledger, compacted: bool) -> None:
    ledger.append([answer("a", "first", run_id="r1", new_tokens=3), answer("b", run_id="r1")], "r1")
    ledger.append([answer("a", "second", run_id="r2", new_tokens=5)], "r2")
    if compacted:
        assert ledger.compact(many=0)
        assert len(ledger.parts()) == 1
    later = reopened(ledger)
    assert later.lookup(["a"], ["text"]).rows() == [("first",)]
    assert later.query(lambda rows: rows.select("content_key")).height == 2
    assert later.payments(lambda rows: rows.select("new_tokens"))["new_tokens"].sum() == 3 + 2 + 5


def test_a_row_that_a_killed_compaction_left_twice_is_paid_once(ledger: Ledger) -> None:
    parts_before = [ledger.append([answer(key, run_id=f"r{n}")], "r") for n, key in enumerate("aab")]
    kept = {part: part.read_bytes() for part in parts_before}
    ledger.compact(many=0)
    for part, content in kept.items():
        part.write_bytes(content)
    assert reopened(ledger).payments(lambda rows: rows.select(pl.len())).item() == 3
    assert reopened(ledger).query(lambda rows: rows.select(pl.len())).item() == 2


def test_a_reject_that_two_runs_paid_for_is_paid_twice(tmp_path: Path) -> None:
    rejects = Ledgers(tmp_path).rejects
    plain = {name: value for name, value in answer("a").items() if name in REJECTED}
    for run in ("r1", "r2"):
        rejects.append([plain | {"row_id": "1", "attempt": 1, "reason": "empty", "run_id": run}], run)
    rejects.compact(many=0)
    assert rejects.payments(lambda rows: rows.select(pl.len())).item() == 2


def test_a_second_payment_is_spent_of_the_budget(tmp_path: Path) -> None:
    ledgers = Ledgers(tmp_path)
    for run in ("r1", "r2"):
        ledgers.answers.append([answer("a", run_id=run, cost_usd=0.5)], run)
    spent = Spent.of(ledgers, date(2024, 1, 1))
    assert (spent.tokens, spent.usd, spent.seconds, spent.by_table) == (24, 1.0, 1.0, {"item_facts": 24})


@pytest.mark.parametrize("home", ["home [v2]", "home [!a]", "a*b?c", "{x}"])
def test_a_folder_whose_name_looks_like_a_pattern_is_a_folder(tmp_path: Path, home: str) -> None:
    ledger = Ledger(tmp_path / home / "answers", ANSWERS)
    ledger.append(answers("ab"), "r1")
    ledger.append(answers("c"), "r2")
    assert sorted(reopened(ledger).keys()) == ["a", "b", "c"]
    assert ledger.compact(many=1)
    assert sorted(reopened(ledger).keys()) == ["a", "b", "c"]
