"""What `nightshift rejects` prints of answers that nobody vouches for."""

import polars as pl
import pytest

from jobs.rejected import printable, show_rejected

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
