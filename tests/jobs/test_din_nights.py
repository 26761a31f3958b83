"""A weekly training with both rankers, on nights with semantic ids."""

import pytest

from nightshift.features.examples import build_examples
from nightshift.rankers.context import Context
from nightshift.rankers.din.onnx import OnnxDIN
from nightshift.tables import ITEM_CODES, LIFT, RANKING_EXAMPLES, RANKING_SCORES
from tests.shop import Shop


@pytest.mark.slow
def test_both_rankers_are_trained_judged_and_saved_and_the_graph_scores_what_the_table_says(
    shop: Shop,
) -> None:
    from assets.features import example_inputs
    from jobs.running import run_job

    small = {"epochs": 1, "batch_rows": 128, "dimension": 4, "attention_units": 8, "units": [16]}
    lift = {
        "rankers": ["lightgbm", "din"],
        "arms": ["base", "text"],
        "seeds": 1,
        "resamples": 200,
        "din": small,
    }
    settings = shop.write(
        lift=lift, examples={"features": {"codes": True, "families": ["base", "text"]}}, codes={"size": 4}
    )
    for number in (0, 2):
        run_job(shop.config, None, settings, "nightly_enrichment", shop.nights()[number])
    run_job(shop.config, None, settings, "weekly_training", shop.nights()[2])

    night = shop.night(2)
    read = night.store.read
    assert (
        len(
            {
                read(ITEM_CODES, day).filter(view="raw")["codebook"].unique().item()
                for day in (shop.nights()[0], night.as_of)
            }
        )
        == 1
    ), "one frozen codebook"
    assert set(read(LIFT, night.as_of)["ranker"]) == {"lightgbm", "din"}
    examples, scores = read(RANKING_EXAMPLES, night.as_of), read(RANKING_SCORES, night.as_of)
    assert "text__raw_code1_rate" in examples.columns
    inputs = example_inputs(night)
    assert build_examples(inputs, settings.examples).equals(examples, null_equal=True)
    folder = settings.home_folder / "models" / "din-text" / f"as_of={night.as_of}"
    served = OnnxDIN.load(folder).predict(
        examples.filter(split="test"), Context.of(inputs, settings.examples).seeing(("base", "text"))
    )
    told = scores.filter(ranker="din", arm="text", seed=0)["score"].to_numpy()
    assert abs(served - told).max() < 1e-5
    assert not list((settings.home_folder / "models" / "checkpoints").rglob("*.npz")), (
        "a finished training leaves no checkpoint"
    )
