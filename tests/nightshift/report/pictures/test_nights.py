from datetime import date
from pathlib import Path

import polars as pl

from nightshift.report.pictures.nights import on_nights, origins, spent
from nightshift.storage.ledger import Ledgers
from nightshift.storage.store import Store
from nightshift.tables import GROUP_FACTS

FIRST, SECOND, THIRD = date(2026, 11, 1), date(2026, 11, 2), date(2026, 11, 3)


def answer(key: str, night: date, tokens: int, usd: float | None = 0.5, **more: object) -> dict[str, object]:
    paid = {"prompt_tokens": tokens, "cached_tokens": 0, "new_tokens": 2, "cost_usd": usd}
    return {"content_key": key, "table": "group_facts", "as_of": night, **paid, **more}


def test_origins_of_every_night_up_to_tonight(tmp_path: Path) -> None:
    store = Store(tmp_path)
    rows = {
        "group": ["a", "b", "c"],
        "items": [5, 6, 7],
        "summary": ["x"] * 3,
        "prompt_id": ["p"] * 3,
        "model_id": ["m"] * 3,
    }
    for night, from_the_model in ((FIRST, 1), (SECOND, 2), (THIRD, 3)):
        origin = ["llm"] * from_the_model + ["template"] * (3 - from_the_model)
        frame = pl.DataFrame(rows | {"origin": origin}).with_columns(content_key=pl.lit(None, pl.String))
        store.publish(GROUP_FACTS, night, frame, fallbacks={"template": 3 - from_the_model})
    found = origins(store, GROUP_FACTS, SECOND)
    assert list(found) == [FIRST, SECOND]
    assert found[SECOND] == {"llm": 2, "group": 0, "template": 1, "carried": 0}


def test_what_every_night_paid_comes_from_the_ledger_with_rejected_answers_and_without_retries(
    tmp_path: Path,
) -> None:
    ledgers = Ledgers(tmp_path)
    ledgers.answers.append(
        [answer("a", FIRST, 10), answer("b", THIRD, 30, None), answer("z", THIRD, 9, table="item_facts")], "r"
    )
    refused = [
        answer("c", FIRST, 5, reason="schema", attempt=1),
        answer("d", FIRST, 5, reason="retried", attempt=1),
    ]
    ledgers.rejects.append(refused, "r")
    rows = spent(ledgers, "group_facts", THIRD)
    assert rows["prompt_tokens"].to_list() == [15, 30]
    assert rows["unpriced"].to_list() == [0, 1]
    assert spent(ledgers, "group_facts", SECOND)["as_of"].to_list() == [FIRST]
    assert on_nights([FIRST, SECOND, THIRD], rows)["prompt_tokens"] == [15, 0, 30]
