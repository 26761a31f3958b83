import polars as pl

from nightshift.enrichments.fallbacks import counts, fallbacks, settle

ROWS = pl.DataFrame({"item_id": ["c", "a", "b", "d"]})


def source(origin: str | None, **values: str) -> pl.DataFrame:
    schema = {"item_id": pl.String, "summary": pl.String}
    frame = pl.DataFrame(list(values.items()), schema=schema, orient="row")
    return frame if origin is None else frame.with_columns(origin=pl.lit(origin))


TEMPLATE = source("template", a="plain", b="plain", c="plain", d="plain")


def settled(
    written: pl.DataFrame, last: pl.DataFrame, group: pl.DataFrame | None = None
) -> dict[str, tuple[str, str]]:
    frame = settle(ROWS, written, last, TEMPLATE, "item_id", group)
    assert frame["item_id"].to_list() == ["c", "a", "b", "d"], "one row each, in the order of the rows"
    return {
        item: (origin, summary)
        for item, origin, summary in frame.select("item_id", "origin", "summary").iter_rows()
    }


def test_tonights_answer_wins_over_last_nights_and_that_over_the_template() -> None:
    last = pl.concat(
        [source("llm", a="old", b="old"), source("carried", c="older"), source("template", d="stale")]
    )
    assert settled(source(None, a="new"), last) == {
        "a": ("llm", "new"),
        "b": ("carried", "old"),
        "c": ("carried", "older"),
        "d": ("template", "plain"),
    }


def test_a_sentence_of_the_group_stands_in_before_the_template_and_is_never_carried() -> None:
    group = source(None, a="of its group", b="of its group", c="of its group")
    last = pl.concat([source("llm", b="old"), source("group", c="of its group, yesterday")])
    assert settled(source(None, a="new"), last, group) == {
        "a": ("llm", "new"),
        "b": ("carried", "old"),
        "c": ("group", "of its group"),
        "d": ("template", "plain"),
    }
    assert settled(source(None), last)["c"] == ("template", "plain")


def test_the_first_night_has_answers_and_templates_only() -> None:
    assert settled(source(None, a="new"), pl.DataFrame())["b"] == ("template", "plain")
    assert settled(source(None), source("llm")) == dict.fromkeys("abcd", ("template", "plain"))


def test_items_that_left_the_catalogue_do_not_come_back() -> None:
    assert set(settled(source(None, gone="new"), source("llm", left="old"))) == set("abcd")


def test_fallbacks_count_everything_but_tonights_answers() -> None:
    frame = pl.DataFrame({"origin": ["llm", "llm", "carried", "template", "template"]})
    assert counts(frame) == {"carried": 1, "llm": 2, "template": 2}
    assert fallbacks(frame) == {"carried": 1, "template": 2}
