import dataclasses
import math
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nightshift.lift.arms import SOURCE
from nightshift.lift.cost import Cost, calls, costs
from nightshift.lift.headline import headline
from nightshift.lift.item_slices import about_items
from nightshift.lift.memorization import Memory, judged
from nightshift.lift.quality import content_words, grounding, quality
from nightshift.lift.verdict import GAP, gaps_told
from nightshift.report.lift_page import charts, page
from nightshift.report.lift_page.content import Content, Judgement, aucs
from nightshift.report.lift_page.group_tables import groups, shown
from nightshift.report.lift_page.samples import changes, samples
from nightshift.storage.ledger import ANSWERS, REJECTED, RETRIED, Ledgers
from nightshift.storage.store import Store
from nightshift.tables import ITEM_EMBEDDINGS, ITEM_FACTS, ITEMS, LIFT

NIGHT = date(2024, 1, 5)


def lift_row(
    arm: str, against: str, difference: float, low: float, high: float, **changed: Any
) -> dict[str, Any]:
    row = {
        "arm": arm,
        "against": against,
        "difference": difference,
        "ci_low": low,
        "ci_high": high,
        "value": 0.7,
        "p_value": 0.2,
    }
    common = {
        "ranker": "lightgbm",
        "metric": "auc",
        "slice": "all",
        "seed_sd": 0.001,
        "n_users": 300,
        "n_rows": 20000,
    }
    return row | common | {"p_holm": 0.3, "detectable": 0.002} | changed


def table(*rows: dict[str, Any]) -> pl.DataFrame:
    return LIFT.conform(pl.DataFrame(rows, schema=LIFT.schema))


def items() -> pl.DataFrame:
    rows = [
        {
            "item_id": "1",
            "title": "The Long Road",
            "text": "A war story of 1942 in the desert.",
            "attributes": ["War"],
            "created_at": None,
        },
        {
            "item_id": "2",
            "title": "Small Town",
            "text": None,
            "attributes": ["Drama"],
            "created_at": datetime(2024, 1, 2, tzinfo=UTC),
        },
        {
            "item_id": "3",
            "title": "<b>Bold</b>",
            "text": "x" * 400,
            "attributes": None,
            "created_at": datetime(2020, 1, 2, tzinfo=UTC),
        },
    ]
    return ITEMS.conform(pl.DataFrame(rows, schema=ITEMS.schema))


def facts(*summaries: str) -> pl.DataFrame:
    rows = [
        {
            "item_id": str(number),
            "summary": said,
            "tags": ["dark"] if number % 2 else ["warm"],
            "origin": "llm",
            "prompt_id": "p",
            "model_id": "m",
        }
        for number, said in enumerate(summaries, 1)
    ]
    return ITEM_FACTS.conform(
        pl.DataFrame([row | {"content_key": None} for row in rows], schema=ITEM_FACTS.schema)
    )


def test_grounding_is_the_share_of_content_words_in_the_source() -> None:
    assert content_words("It's about a war in 1942!") == ["war", "1942"]
    assert grounding("A war in Tunisia in 1942", "The Long Road. War, 1942.") == pytest.approx(2 / 3)
    assert grounding("WAR", "war") == 1.0
    assert math.isnan(grounding("it is about the", "anything"))


def test_quality_counts_numbers_repetition_openings_tags_and_refusals() -> None:
    told = facts("A war story of 1942.", "A war story of 1955.", "A war story of 1955.")
    rejects = pl.DataFrame(
        {
            "table": ["item_facts", "item_facts", "user_preferences"],
            "reason": ["refusal", "too_long", "refusal"],
        }
    )
    found = quality(items(), told, rejects)
    assert (found.sentences, found.numbers, found.refused, found.rejected) == (3, 3, 1, 2)
    assert found.numbers_grounded == pytest.approx(1 / 3)
    assert found.unique == pytest.approx(2 / 3)
    assert found.commonest_opening == 1.0
    assert found.tag_entropy == pytest.approx(-(2 / 3 * math.log2(2 / 3) + 1 / 3 * math.log2(1 / 3)))


def test_a_night_without_sentences_has_no_quality_and_no_error() -> None:
    found = quality(
        items(), ITEM_FACTS.empty(), pl.DataFrame(schema={"table": pl.String, "reason": pl.String})
    )
    assert found.sentences == 0
    assert math.isnan(found.grounded)
    assert math.isnan(found.tag_entropy)


def test_items_are_cut_into_thirds_and_told_apart_by_what_the_model_can_have_known() -> None:
    examples = pl.DataFrame({"item_id": ["1", "2", "3", "3"], "split": ["test", "test", "test", "train"]})
    found = about_items(items(), facts("war war", "river"), examples, date(2024, 1, 1))
    assert found["about_length"].to_list() == [1, 0, 2]
    assert found["about_grounding"].to_list() == [2, 0, None]
    assert found["about_newer"].to_list() == [None, 1, 0]
    assert about_items(items(), facts(), examples.head(1))["item_id"].to_list() == ["1"], (
        "items without a test row are not judged"
    )


def paid(reason: str | None = None, **changed: Any) -> dict[str, Any]:
    row = {
        "table": "item_facts",
        "as_of": NIGHT,
        "run_id": "r",
        "model_id": "m",
        "created_at": datetime(2024, 1, 5, tzinfo=UTC),
    }
    row |= {"prompt_id": "p", "row_id": "1", "text_key": "t", "text": "x", "finish_reason": "stop"}
    spent = {"prompt_tokens": 100, "cached_tokens": 0, "new_tokens": 10, "seconds": 2.0, "cost_usd": 0.01}
    extra = {"scores": None, "choices": None} if reason is None else {"attempt": 0, "reason": reason}
    return row | spent | extra | changed


def test_costs_are_all_that_was_ever_paid_and_a_thousandth_is_priced_by_the_gain(tmp_path: Path) -> None:
    ledgers, store = Ledgers(tmp_path), Store(tmp_path)
    answers = [paid(content_key="a"), paid(content_key="b"), paid(content_key="late", as_of=date(2024, 2, 1))]
    ledgers.answers.append(pl.DataFrame(answers, schema=ANSWERS), "r")
    ledgers.rejects.append(
        pl.DataFrame([paid("refusal", content_key="c"), paid(RETRIED, content_key="d")], schema=REJECTED), "r"
    )
    assert calls(ledgers, NIGHT).select("calls", "prompt_tokens", "new_tokens").row(0) == (3, 300, 30)
    vectors = [
        {"item_id": str(n), "view": view, "encoder_id": "e", "vector": [1.0]}
        for n in range(4)
        for view in ("raw", "facts")
    ]
    frame = ITEM_EMBEDDINGS.conform(pl.DataFrame(vectors, schema=ITEM_EMBEDDINGS.schema))
    store.publish(ITEM_EMBEDDINGS, NIGHT, frame, metadata={"embedded": 8, "texts/s": 4.0})
    text, llm, both = costs(store, ledgers, NIGHT, {"text": -0.001, "llm": 0.002, "both": 0.001})
    assert (both.rows, both.seconds) == (3, 8.0), "who reads both pays for both"
    assert (text.rows, text.seconds, text.usd, text.seconds_a_thousandth) == (4, 1.0, 0.0, None)
    assert (llm.rows, llm.prompt_tokens, llm.new_tokens, llm.seconds) == (3, 300, 30, 7.0)
    assert llm.usd_a_thousandth == pytest.approx(0.015)
    assert llm.seconds_a_thousandth == pytest.approx(3.5)
    assert llm.gain_a_thousand_rows == pytest.approx(0.002 / 0.003)


def test_an_unknown_price_is_unknown_and_not_nothing(tmp_path: Path) -> None:
    ledgers = Ledgers(tmp_path)
    ledgers.answers.append(
        pl.DataFrame([paid(content_key="a"), paid(content_key="b", cost_usd=None)], schema=ANSWERS), "r"
    )
    (llm,) = costs(Store(tmp_path), ledgers, NIGHT, {"llm": 0.002})
    assert llm.usd is None
    assert llm.usd_a_thousandth is None


@pytest.mark.parametrize(
    ("lift", "content", "said"),
    [
        (
            (0.002, 0.001, 0.003),
            (0.003, 0.001, 0.004),
            ("gain +0.0020 AUC over a strong base, and they do carry content: +0.0030",),
        ),
        (
            (0.001, -0.001, 0.003),
            (0.003, 0.001, 0.004),
            ("gain nothing measurable", "but they do carry content"),
        ),
        (
            (0.002, 0.001, 0.003),
            (0.001, -0.001, 0.004),
            ("gain +0.0020", "but no more than the same answers dealt to other items"),
        ),
        (
            (-0.002, -0.003, -0.001),
            (-0.003, -0.004, -0.001),
            ("lose −0.0020", "the same answers dealt to other items do better"),
        ),
    ],
)
def test_the_headline_says_gain_and_content_apart(
    lift: tuple[float, ...], content: tuple[float, ...], said: tuple[str, ...]
) -> None:
    text = headline(table(lift_row("llm", "base", *lift), lift_row("llm", "permuted", *content)))
    assert all(part in text for part in said)


def test_the_headline_does_not_keep_silent_about_cheap_text() -> None:
    lift, same = lift_row("llm", "base", 0.002, 0.001, 0.003), lift_row("llm", "text", 0.0001, -0.001, 0.001)
    assert headline(table(lift, same)).endswith("An encoder of the source text alone does about as well.")
    assert headline(table(lift, same | {"ci_low": 0.00005})).endswith(
        "Against an encoder of the source text alone: +0.0001."
    )


def test_a_slice_is_coloured_only_where_it_stands_the_correction() -> None:
    clear = lift_row("llm", "base", 0.002, 0.001, 0.003, slice="cold", p_holm=0.01) | {"name": "cold"}
    assert charts._thousandths(clear)["kind"] == "gain"
    assert charts._thousandths(clear | {"p_holm": 0.3})["kind"] == "none"


def test_the_headline_of_nothing_says_so() -> None:
    assert headline(table(lift_row("base", "base", 0.0, 0.0, 0.0))).startswith("Nothing can be said")


def scored() -> pl.DataFrame:
    """Two seeds of two arms: `llm` is surer of item 1 rightly and of item 2 wrongly; item 3 has too few
    users."""
    chances = {
        ("base", "1"): 0.5,
        ("base", "2"): 0.5,
        ("base", "3"): 0.5,
        ("llm", "1"): 0.9,
        ("llm", "2"): 0.1,
        ("llm", "3"): 0.9,
    }
    rows = [
        {
            "arm": arm,
            "ranker": "lightgbm",
            "seed": seed,
            "user_id": f"user-{user}",
            "item_id": item,
            "label": 1.0,
            "score": chance,
        }
        for (arm, item), chance in chances.items()
        for seed in range(2)
        for user in range(2 if item == "3" else 6)
    ]
    return pl.DataFrame(rows)


def test_items_that_were_helped_and_hurt_are_means_over_several_users() -> None:
    found = {row["item_id"]: row for row in changes(scored(), "lightgbm").to_dicts()}
    assert found["1"]["change"] == pytest.approx(math.log(0.5) - math.log(0.9))
    assert (found["1"]["rows"], found["1"]["users"], found["3"]["users"]) == (6, 6, 2)
    helped, hurt = samples(scored(), items(), facts("one", "two", "three"), "lightgbm")
    assert [(sample.title, sample.summary, sample.rows) for sample in helped] == [("The Long Road", "one", 6)]
    assert [sample.title for sample in hurt] == ["Small Town"]
    assert changes(scored().with_columns(pl.col("score") * 5), "lightgbm").is_empty(), (
        "scores that are no probabilities have no logloss"
    )


def test_aucs_of_dealings_are_one_arm() -> None:
    rows = [
        ("permuted", 0, 1.0, 0.9),
        ("permuted", 0, 0.0, 0.1),
        ("permuted2", 1, 1.0, 0.2),
        ("permuted2", 1, 0.0, 0.3),
    ]
    assert aucs(pl.DataFrame(rows, schema=["arm", "seed", "label", "score"], orient="row")) == {
        "permuted": [1.0, 0.0]
    }


def test_a_lead_over_a_candidate_source_does_not_hide_the_arms_intervals() -> None:
    rows = [
        {"arm": "llm", "against": "base"},
        {"arm": "base", "against": "popular"},
        {"arm": "base", "against": "ease"},
    ]
    assert page._of_arms(rows) == rows[:1]


def test_a_forest_scales_to_what_supports_a_claim_and_colours_what_is_clear() -> None:
    pytest.importorskip("altair", reason="the report's extra is not installed")
    rows = [
        lift_row("llm", "base", 0.002, 0.001, 0.003) | {"name": "sure", "seeds": [0.001, 0.003]},
        lift_row("llm", "base", 0.0, -0.5, 0.5, n_rows=30) | {"name": "tiny (30 rows)"},
        lift_row("llm", "base", 0.0, 0.0, 0.0) | {"name": "none", "ci_low": None},
    ]
    text = charts.svg(charts.forest(rows, "AUC"), 'a "forest"')
    assert text.startswith('<svg role="img" aria-label="a &quot;forest&quot;"')
    assert "var(--gain)" in text
    assert "tiny" in text
    assert "(30 rows)" not in text
    assert charts._span([charts._thousandths(row) for row in rows[:2]])[1] < 5
    assert charts.png(charts.forest(rows, "AUC"))[:4] == b"\x89PNG"


def test_what_was_bought_is_drawn_in_money_else_in_tokens_else_in_minutes() -> None:
    pytest.importorskip("altair", reason="the report's extra is not installed")
    gain = lift_row("llm", "base", 0.002, 0.001, 0.003)
    paid = {
        "usd": Cost("llm", 9, 9000, 900, 60.0, 1.5, 0.002),
        "tokens": Cost("llm", 9, 9000, 900, 60.0, None, 0.002),
    }
    paid["local"] = Cost("llm", 9, 0, 0, 60.0, 0.0, 0.002)
    titles = {"usd": "US dollars", "tokens": "thousand tokens", "local": "minutes of the machine"}
    text = lift_row("text", "base", 0.0, -0.001, 0.001) | {"cost": Cost("text", 9, 0, 0, 3.0, 0.0, 0.0)}
    for name, title in titles.items():
        drawn = charts.svg(charts.cost([gain | {"cost": paid[name]}, text], "AUC"), "cost")
        assert title in drawn
        assert ">llm<" in drawn
        assert ">text<" in drawn
    assert charts._currency([paid["local"]])[1](paid["local"]) == 1.0
    assert charts._currency([paid["usd"]])[1](paid["usd"]) == 1.5


def users_lift() -> pl.DataFrame:
    sizes = {"n_users": 40, "n_rows": 900}
    pairs = (("base", "base"), ("llm", "base"), ("llm", "llm"))
    groups = [
        lift_row(arm, against, 0.001, -0.001, 0.002, slice=f"group age={age}", **sizes)
        for age in ("18-24", "56 and over")
        for arm, against in pairs
    ]
    gaps = [
        lift_row(arm, against, 0.004, -0.002, 0.009, slice=f"{GAP}age", value=value, p_value=p, n_users=80)
        for (arm, against), (value, p) in zip(pairs, ((0.02, 0.4), (0.024, None), (0.024, 0.3)), strict=True)
    ]
    described = [
        lift_row(arm, arm, 0.0, 0.0, 0.0, metric=metric, value=0.5, ranker=ranker)
        for arm, ranker in (("base", "lightgbm"), ("popular", SOURCE))
        for metric in ("coverage@10", "diversity_raw@10")
    ]
    return table(*groups, *gaps, *described)


def test_groups_of_users_are_told_with_their_gap_and_are_no_other_slices() -> None:
    lift = users_lift()
    assert [row["name"] for row in groups(lift, "auc")["age"]] == ["18-24", "56 and over"]
    (told,) = gaps_told(lift)
    assert told == (
        "users by age (80 users): best and worst served group differ by AUC 0.0200 with base (40% of "
        "random groups differ as much) "
        "and 0.0240 with llm (30% of random groups differ as much); llm does not measurably move the "
        "gap (+0.0040 [-0.0020, +0.0090])"
    )
    assert shown(lift, "lightgbm") == [
        {"arm": "base", "coverage": 0.5, "diversity, source text": 0.5},
        {"arm": "popular", "coverage": 0.5, "diversity, source text": 0.5},
    ]
    pytest.importorskip("altair", reason="the report's extra is not installed")
    judgement = dataclasses.replace(
        content().judgements[0],
        groups=groups(lift, "auc"),
        gaps=gaps_told(lift),
        shown=shown(lift, "lightgbm"),
    )
    text = page.render(content(judgements=[judgement]), "x")
    for word in (
        "Groups of users",
        "56 and over",
        "does not measurably move the gap",
        "What would be shown",
        "diversity, source text",
    ):
        assert word in text


def content(**changed: Any) -> Content:
    judgement = Judgement(
        ranker="lightgbm",
        metric="auc",
        verdict=["llm minus base: nothing"],
        arms=[{"arm": "base", "auc": 0.77}, {"arm": "llm", "auc": 0.78}],
        compared=[
            lift_row("llm", "base", 0.001, -0.001, 0.002)
            | {"name": "llm - base", "meaning": "lift", "seeds": [0.0, 0.002]}
        ],
        sliced={
            "llm minus base": [lift_row("llm", "base", 0.001, -0.001, 0.002, slice="cold") | {"name": "cold"}]
        },
        by_seed={"base": [0.77, 0.771], "llm": [0.78, 0.779]},
        bins={},
        costs=[Cost("llm", 10, 1000, 100, 60.0, None, 0.001), Cost("text", 10, 0, 0, 6.0, 0.0, None)],
        bought=[
            lift_row("llm", "base", 0.001, -0.001, 0.002)
            | {"cost": Cost("llm", 10, 1000, 100, 60.0, None, 0.001)}
        ],
        shown=[],
        groups={},
        gaps=[],
        helped=samples(scored(), items(), facts("<script>alert(1)</script>"), "lightgbm")[0],
        hurt=[],
    )
    told = quality(
        items(), facts("A war story."), pl.DataFrame(schema={"table": pl.String, "reason": pl.String})
    )
    settings = {"dealings of the placebo": "3", "language model": "m@1"}
    source = {
        "table": "items",
        "rows": 3,
        "digest": "abc",
        "published": "2024-01-05 00:00",
        "model": "",
        "prompt": "",
        "code": "0.1.0",
    }
    proofs = {"recompute": ("Rows were rebuilt.", "40 rows x 9 columns: 0 differences")}
    made = {
        "as_of": "2024-01-05",
        "judgements": [judgement],
        "quality": told,
        "memory": Memory(50, 0.4, 0.6),
        "proofs": proofs,
        "size": {"rows: test": 20001},
    }
    made["memory"] = Memory(50, 0.4, 0.6)
    return Content(
        **(made | {"sources": [source], "versions": {"nightshift": "0.1.0"}, "settings": settings} | changed)
    )


def test_a_page_escapes_what_strangers_wrote_fetches_nothing_and_names_no_user() -> None:
    pytest.importorskip("altair", reason="the report's extra is not installed")
    text = page.render(content(), "Nothing <gained>.")
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "Nothing &lt;gained&gt;." in text
    assert "user-" not in text
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//|url\((?!#)|@import", text)
    ids = re.findall(r'id="([^"]+)"', text)
    assert len(set(ids)) == len(ids), "two charts do not share a clip path"
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(ids)
    assert "40 rows x 9 columns: 0 differences" in text
    assert "20,001" in text
    assert "50 titles cut in half" in text


def test_two_rankers_have_a_part_each_and_share_no_id() -> None:
    pytest.importorskip("altair", reason="the report's extra is not installed")
    (trees,) = content().judgements
    network = dataclasses.replace(trees, ranker="din", by_seed={"base": [0.75, 0.751], "llm": [0.76, 0.761]})
    text = page.render(content(judgements=[trees, network]), "x")
    assert text.index("<h2>lightgbm</h2>") < text.index("<h2>din</h2>")
    assert text.count("gained over base against what it cost") == 2


def test_what_was_recited_is_counted_word_by_word() -> None:
    said = {"end": ["Road Home", "Three Four"], "completion": ["ROAD home. And more", "Three five"]}
    assert judged(pl.DataFrame(said)) == Memory(2, 0.5, 1.0)
    assert judged(pl.DataFrame(said).clear()) is None


def test_a_page_without_sentences_judgements_or_numbers_is_still_a_page() -> None:
    pytest.importorskip("altair", reason="the report's extra is not installed")
    none = quality(
        items(), ITEM_FACTS.empty(), pl.DataFrame(schema={"table": pl.String, "reason": pl.String})
    )
    text = page.render(content(judgements=[], quality=none), "Nothing can be said.")
    assert "No model wrote a sentence" in text


def test_numbers_are_written_for_people() -> None:
    assert (page.signed(-0.00123), page.signed(None), page.plain(float("nan")), page.percent(0.425)) == (
        "−0.0012",
        "–",
        "–",
        "42%",
    )
    assert (page.count(20001), page.p_value(0.0004), page.p_value(0.04321)) == ("20,001", "< 0.001", "0.043")
