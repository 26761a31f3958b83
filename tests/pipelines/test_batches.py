import polars as pl
import pytest

from pipelines.batches import WINDOW, cut


def rows(*lengths: int) -> pl.DataFrame:
    return pl.DataFrame(
        {"row_id": [str(n) for n in range(len(lengths))], "text": ["x" * length for length in lengths]}
    )


@pytest.mark.parametrize(("height", "batch_rows"), [(0, 4), (1, 4), (4, 4), (5, 4), (100, 3), (24, 3)])
def test_every_row_is_in_one_batch_and_no_batch_is_too_large(height: int, batch_rows: int) -> None:
    batches = list(cut(rows(*[n * 7 % 13 for n in range(height)]), batch_rows))
    assert len(batches) == -(-height // batch_rows)
    assert all(1 <= batch.height <= batch_rows for batch in batches)
    assert sorted(int(row) for batch in batches for row in batch["row_id"]) == list(range(height))


def test_batches_hold_similar_lengths() -> None:
    batches = list(cut(rows(9, 1, 8, 2, 7, 3), 2))
    assert [batch["text"].str.len_bytes().to_list() for batch in batches] == [[1, 2], [3, 7], [8, 9]]


def test_length_never_moves_a_row_past_its_window_of_worth() -> None:
    lengths = list(range(3 * WINDOW * 2, 0, -1))  # the worthiest rows are the longest
    order = [int(row) for batch in cut(rows(*lengths), 2) for row in batch["row_id"]]
    size = WINDOW * 2
    assert [set(order[at : at + size]) for at in range(0, len(order), size)] == [
        set(range(at, at + size)) for at in range(0, len(order), size)
    ]


def test_equal_lengths_keep_their_order() -> None:
    assert [row for batch in cut(rows(5, 5, 5, 5), 2) for row in batch["row_id"]] == ["0", "1", "2", "3"]
