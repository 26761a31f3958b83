"""The demo with recorded answers: its own folder, its own story, nothing asked. The replay itself is that
of the first demo."""

import contextlib
from pathlib import Path

import polars as pl
import pytest

from jobs.console import console
from jobs.demo import NIGHTS, RECORDED_HOME, RECORDED_TEMPLATE, RECORDING, prepare, run_recorded_demo, tell
from jobs.planning import plan_night
from jobs.running import run_job
from nightshift.errors import ConfigError, ModelUnavailable, RejectedAnswer
from nightshift.night.config import load_settings
from nightshift.night.night import Night
from nightshift.tables import ITEM_FACTS, LIFT
from tests.shop import Shop

SAID = '{"summary":"A thing number %d for the evening.","kind":"red","use":"home"}'


def test_without_its_recording_the_demo_says_where_it_should_be(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"nowhere\.parquet is not there: the recorded answers come with a checkout"
    ):
        run_recorded_demo(tmp_path, tmp_path / "nowhere.parquet")
    assert not list(tmp_path.iterdir()), "nothing is written before"


def test_the_recorded_demo_lies_beside_the_first_and_touches_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "nightshift.yaml").write_text("mine")
    try:
        config = prepare(tmp_path / RECORDED_HOME, RECORDED_TEMPLATE)
    except ModelUnavailable as unreachable:
        pytest.skip(f"MovieLens-100K cannot be had: {unreachable}")
    settings = load_settings(config)
    assert settings.home_folder == tmp_path / RECORDED_HOME
    assert settings.llm.is_recorded
    assert (tmp_path / "nightshift.yaml").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == [RECORDED_HOME, "nightshift.yaml"]
    films = pl.read_parquet(config.parent / "sources" / "items.parquet")["item_id"]
    said = '{"summary":"A film about toys that talk.","mood":"funny"}'
    answers = pl.DataFrame({"item_id": films.head(3), "answer": [said] * 3})
    answers.write_parquet(config.parent / str(settings.llm.recorded.tables["item_facts"].path))
    plans = {plan.table: plan for plan in plan_night(Night(settings, NIGHTS[0])).tables}
    assert {table: plan.pending.height for table, plan in plans.items()} == {
        "group_facts": 0, "item_tag_scores": 0, "item_facts": 3, "user_preferences": 0,
    }  # fmt: skip
    assert plans["item_facts"].tokens == 0


def test_every_recorded_answer_is_about_a_film_and_most_are_accepted() -> None:
    from nightshift.enrichments.item_facts.json_prompt import facts_json
    from nightshift.enrichments.item_facts.settings import FactsSettings
    from nightshift.prompts.vocabulary import load_vocabulary

    rows = pl.read_parquet(RECORDING)
    assert rows.schema == {"item_id": pl.String, "answer": pl.String}
    assert rows["item_id"].n_unique() == rows.height
    prompt, accepted = facts_json(FactsSettings(form="json"), load_vocabulary("movies", Path())), 0
    for answer in rows["answer"]:
        with contextlib.suppress(RejectedAnswer):
            accepted += bool(prompt.parse(answer, "stop").summary)
    assert accepted > 0.9 * rows.height


@pytest.mark.slow
def test_the_last_screen_tells_whose_words_they_are_and_that_the_next_night_asks_nothing(shop: Shop) -> None:
    ids = shop.items()["item_id"].cast(pl.String).sort()
    pl.DataFrame({"item_id": ids, "answer": [SAID % n for n in range(len(ids))]}).write_parquet(
        shop.folder / "answers.parquet"
    )
    files = {"item_facts": {"path": "answers.parquet", "key": "item_id", "answer": "answer"}}
    settings = shop.write(
        llm={"backend": "recorded", "model": "big@elsewhere", "recorded": files},
        facts={"form": "json"},
        lift={"seeds": 1, "resamples": 100, "lightgbm": {"rounds": 30, "learning_rate": 0.1}},
    )
    for number in (0, 2):
        run_job(shop.config, None, settings, "nightly_enrichment", shop.nights()[number])
    run_job(shop.config, None, settings, "weekly_training", shop.nights()[2])
    night = shop.night(2)
    facts = night.store.read(ITEM_FACTS, night.as_of)
    assert set(facts["origin"]) == {"llm"}
    assert set(facts["tags"].explode()) == {"red", "home"}
    assert "llm" in night.store.read(LIFT, night.as_of)["arm"]
    with console.capture() as capture:
        tell(night, 1.0)
    said = " ".join(capture.get().split())
    assert (
        "Nothing was asked: the sentences and tags are what big@elsewhere said once (items by origin: 60 llm)"
        in said
    )
    assert "llm minus permuted (content lift)" in said
    assert f"nightshift ui --config {shop.config}" in said.replace("\n", "")
