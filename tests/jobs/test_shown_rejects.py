"""What `nightshift rejects` prints of answers that nobody vouches for."""

import polars as pl
import pytest

from jobs.rejected import printable, show_rejected
from nightshift.checks import reject_share

ODD = [
    ("[bold red]loud[/bold red] [link=http://evil.example]x", "[bold red]loud[/bold red] [link=http://evil.example]x"),
    ("a\x1b[2J\x9b31m\x07 b\u202e c\u200b", "a [2J 31m b c"),
    ("one\n\n two\t three", "one two three"),
    ("x" * 5_000_000, "x" * 59 + "…"),
    (" " * 5_000_000 + "end", "…"),
    ("short\\\\", "short\\\\"),
    ("日本語🎬" * 50, ("日本語🎬" * 50)[:59] + "…"),
    ("", ""),
]


@pytest.mark.parametrize(("answer", "shown"), ODD)
def test_a_terminal_shows_an_odd_answer_and_never_obeys_it(answer: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert printable(answer, 60) == shown
    rows = {"table": ["item_facts"], "row": ["[red]1"], "reason": ["not_json"], "attempts": [2], "answer": [answer]}
    show_rejected(pl.DataFrame(rows), 5)
    out = capsys.readouterr().out
    assert not set(out) & {chr(code) for code in (*range(10), *range(11, 32), *range(127, 160), 0x202E)}
    assert "[red]1" in out
    assert "item_facts: not_json: 1" in out


def test_a_failed_night_names_the_worst_reasons_and_three_rows_without_a_control_character() -> None:
    answers = [answer for answer, _ in ODD]
    reasons = ["not_json"] * 4 + ["unknown_tag"] * 3 + ["schema"]
    rejects = pl.DataFrame({"key": [f"i{place}" for place in range(len(ODD))], "reason": reasons, "answer": answers})
    told = reject_share(rejects, 10, 0.5)
    assert not told.passed
    assert "8 of 10 answers rejected (80.0%); at most 50%" in told.message
    assert "{'not_json': 4, 'unknown_tag': 3, 'schema': 1}" in told.message
    assert all(f"'i{place}'" in told.message for place in range(3))
    assert told.message.isprintable()
    assert len(told.message) < 600
