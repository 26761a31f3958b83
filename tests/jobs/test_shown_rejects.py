"""What `nightshift rejects` prints of answers that nobody vouches for."""

from pathlib import Path

import polars as pl
import pytest

from jobs.rejected import Chosen, printable, show_granted, show_rejected
from nightshift.errors import InputError
from nightshift.night.checks import reject_share
from nightshift.storage.ledger import Ledgers

TABLES = ["group_facts", "item_tag_scores", "item_facts", "user_preferences"]

ODD = [
    (
        "[bold red]loud[/bold red] [link=http://evil.example]x",
        "[bold red]loud[/bold red] [link=http://evil.example]x",
    ),
    ("a\x1b[2J\x9b31m\x07 b\u202e c\u200b", "a [2J 31m b c"),
    ("one\n\n two\t three", "one two three"),
    ("x" * 5_000_000, "x" * 59 + "…"),
    (" " * 5_000_000 + "end", "…"),
    ("short\\\\", "short\\\\"),
    ("日本語🎬" * 50, ("日本語🎬" * 50)[:59] + "…"),
    ("", ""),
]


@pytest.mark.parametrize(("answer", "shown"), ODD)
def test_a_terminal_shows_an_odd_answer_and_never_obeys_it(
    answer: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert printable(answer, 60) == shown
    rows = {
        "table": ["item_facts"],
        "row": ["[red]1"],
        "reason": ["not_json"],
        "attempts": [2],
        "answer": [answer],
    }
    show_rejected(pl.DataFrame(rows), Chosen(), 5)
    out = capsys.readouterr().out
    assert not set(out) & {chr(code) for code in (*range(10), *range(11, 32), *range(127, 160), 0x202E)}
    assert "[red]1" in out
    assert "item_facts: not_json: 1" in out


def test_a_failed_night_names_the_worst_reasons_and_three_rows_without_a_control_character() -> None:
    answers = [answer for answer, _ in ODD]
    reasons = ["not_json"] * 4 + ["unknown_tag"] * 3 + ["schema"]
    rejects = pl.DataFrame(
        {"key": [f"i{place}" for place in range(len(ODD))], "reason": reasons, "answer": answers}
    )
    told = reject_share(rejects, 10, 0.5)
    assert not told.passed
    assert "8 of 10 answers rejected (80.0%); at most 50%" in told.message
    assert "{'not_json': 4, 'unknown_tag': 3, 'schema': 1}" in told.message
    assert all(f"'i{place}'" in told.message for place in range(3))
    assert told.message.isprintable()
    assert len(told.message) < 600


def test_where_nothing_was_rejected_words_say_so_and_name_what_there_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = pl.DataFrame(
        {"table": ["item_facts"], "row": ["i1"], "reason": ["refusal"], "attempts": [2], "answer": ["no"]}
    )
    show_rejected(rows, Chosen(reason="schmea"), 5)
    assert (
        capsys.readouterr().out
        == "nothing was rejected with --reason schmea; there are item_facts: refusal 1\n"
    )
    show_rejected(rows.clear(), Chosen(), 5)
    assert capsys.readouterr().out == "nothing was rejected\n"


def test_a_retry_of_nothing_names_the_tables_and_what_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledgers = Ledgers(tmp_path)
    assert not show_granted(ledgers, Chosen(table="item_facts", rows=("i1",)), ["item_facts"])
    assert (
        capsys.readouterr().out
        == "no rejected row waits for a retry with --table item_facts --key i1; nothing changed\n"
    )
    with pytest.raises(
        InputError, match="tables: group_facts, item_tag_scores, item_facts, user_preferences"
    ):
        show_granted(ledgers, Chosen(table="items"), TABLES)
