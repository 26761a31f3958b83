"""What an asset's page shows, after three nights and a training of a small shop: numbers to plot,
pictures, lineage, files."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import dagster as dg
import pytest

from assets.columns import column_lineage
from assets.samples import IN_SIGHT
from jobs.graph import build
from nightshift.enrichments.registry import asked, by_default, tables_of
from nightshift.sources.datasets.synthetic import SyntheticSettings, make_world
from nightshift.tables import ORIGINS
from tests.shop import Shop, open_shop

PROMPTED = asked(by_default())
TABLES = tables_of(by_default())

pytestmark = pytest.mark.slow

Pages = dict[tuple[str, int], dict[str, dg.MetadataValue[Any]]]
LARGEST = 60_000
"""Characters of the largest picture."""
ON_NIGHTS = ("group_facts", "item_facts", "user_preferences")
BUDGET = {"tables": {"item_facts": 2000, "user_preferences": 1500}}
"""So little that templates and groups stand in for answers on the first night."""
QUICK = {"seeds": 1, "resamples": 100, "lightgbm": {"rounds": 20, "learning_rate": 0.2}, "report": False}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    world = make_world(SyntheticSettings(seed=7, n_users=40, n_items=60, days=12))
    return open_shop(tmp_path_factory.mktemp("pages"), world, budget=BUDGET, lift=QUICK)


@pytest.fixture(scope="module")
def pages(shop: Shop) -> Iterator[Pages]:
    """The metadata of every table's newest materialization of every night, by table and the night's
    number."""
    definitions, found = build(shop.config), Pages()
    with dg.DagsterInstance.ephemeral() as instance:
        for number, night in enumerate(shop.nights()):
            for job in ("nightly_enrichment", *(["weekly_training"] if number == 2 else [])):
                result = definitions.resolve_job_def(job).execute_in_process(
                    partition_key=night.isoformat(), instance=instance
                )
                for event in result.get_asset_materialization_events():
                    told = event.step_materialization_data.materialization
                    found[told.asset_key.to_user_string(), number] = dict(told.metadata)
        yield found


def number(page: dict[str, dg.MetadataValue[Any]], name: str) -> float:
    value = page[name].value
    assert isinstance(value, int | float), f"{name} is {value!r}, which no plot can show"
    assert math.isfinite(value)
    return value


def test_every_table_has_a_page_of_every_night(pages: Pages) -> None:
    weekly = {"ranking_examples", "ranking_scores", "lift"}
    assert {name for name, night in pages if night == 0} == set(TABLES) - weekly
    assert {name for name, night in pages if night == 2} == set(TABLES)


def test_every_page_counts_rows_and_says_where_its_files_are(pages: Pages, shop: Shop) -> None:
    for (name, night), page in pages.items():
        manifest = shop.night(night).store.manifest(name, shop.nights()[night])
        assert number(page, "rows") == manifest.rows
        assert isinstance(page["manifest"], dg.PathMetadataValue)
        assert Path(str(page["manifest"].value)).is_file()
        assert "sample" in page


@pytest.mark.parametrize("table", PROMPTED)
def test_what_a_model_does_for_a_table_can_be_plotted(pages: Pages, table: str) -> None:
    names = (
        "requests, calls, hits, hit rate, avoided calls, rejected, deferred, prompt tokens, cached "
        "tokens, new tokens, seconds"
    )
    for night in range(3):
        for name in (*names.split(", "), "cost (USD)", "model minutes", "planned minutes", "coverage"):
            assert number(pages[table, night], name) >= 0


@pytest.mark.parametrize("table", ON_NIGHTS)
def test_every_origin_is_counted_every_night_also_at_zero(pages: Pages, table: str) -> None:
    for night in range(3):
        page = pages[table, night]
        counts = {origin: number(page, f"origin: {origin}") for origin in ORIGINS}
        assert sum(counts.values()) == number(page, "rows")
        assert number(page, "coverage") == pytest.approx(
            (counts["llm"] + counts["carried"]) / number(page, "rows"), abs=1e-4
        )


def test_a_small_budget_covers_more_rows_every_night(pages: Pages) -> None:
    covered = [number(pages["item_facts", night], "coverage") for night in range(3)]
    assert covered == sorted(covered)
    assert 0 < covered[0] < covered[2]


def test_vectors_and_what_they_took_can_be_plotted(pages: Pages) -> None:
    for table in ("item_embeddings", "user_embeddings"):
        for name in ("texts", "embedded", "hit rate", "seconds", "texts/s"):
            number(pages[table, 2], name)


def test_the_metric_and_the_gain_of_every_arm_can_be_plotted(pages: Pages) -> None:
    page = pages["lift", 2]
    arms = [name for name in page if name.startswith("AUC: ") and " - " not in name]
    assert {"AUC: base", "AUC: text", "AUC: llm", "AUC: permuted"} <= set(arms)
    assert number(page, "AUC: llm - base") == pytest.approx(
        number(page, "AUC: llm") - number(page, "AUC: base"), abs=1e-4
    )


def picture(value: dg.MetadataValue[Any]) -> ElementTree.Element:
    """The SVG of a Markdown image, as a browser would read it."""
    assert isinstance(value, dg.MarkdownMetadataValue)
    data = str(value.value).removesuffix(">)").split("](<data:image/svg+xml,")[1]
    return ElementTree.fromstring(unquote(data))


def words(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize(
    ("table", "name"),
    [
        *((table, "rows by night") for table in ON_NIGHTS),
        *((table, "tokens by night") for table in PROMPTED),
        ("item_facts", "most frequent tags"),
        ("user_preferences", "most liked tags"),
        ("lift", "lift by night"),
        ("lift", "content lift by night"),
    ],
)
def test_small_pictures_stand_on_the_page(pages: Pages, table: str, name: str) -> None:
    value = pages[table, 2][name]
    assert len(str(value.value)) < IN_SIGHT
    assert words(picture(value))


def test_the_picture_of_the_nights_ends_with_the_pages_own_night(pages: Pages, shop: Shop) -> None:
    for night in range(3):
        page, days = pages["item_facts", night], [str(day) for day in shop.nights()]
        said = words(picture(page["rows by night"]))
        assert f"llm {page['origin: llm'].value}" in said
        assert said[-1] == days[night]


def test_the_map_of_the_items_has_a_point_for_every_vector(pages: Pages) -> None:
    value = pages["item_embeddings", 2]["map"]
    assert len(str(value.value)) < LARGEST
    paths = picture(value).iter("{http://www.w3.org/2000/svg}path")
    points = sum((path.get("d") or "").count("M") for path in paths)
    template = [name for name in ("template",) if f"{name}: " in str(value.value)]
    assert template == []
    assert 60 * 2 <= points <= number(pages["item_embeddings", 2], "rows")


def test_lineage_on_a_page_names_columns_of_assets_that_the_asset_depends_on(
    pages: Pages, shop: Shop
) -> None:
    graph = build(shop.config).resolve_asset_graph()
    for (name, night), page in pages.items():
        if night == 2 and name not in ("items", "rejects"):
            lineage = page["dagster/column_lineage"].value
            schema = page.get("dagster/column_schema")
            own = {column.name for column in schema.value.columns} if schema else set(TABLES[name].columns)
            parents = {key.to_user_string() for key in graph.get(dg.AssetKey(name)).parent_keys}
            assert set(lineage.deps_by_column) <= own
            for dep in [dep for deps in lineage.deps_by_column.values() for dep in deps]:
                assert dep.column_name in TABLES[dep.asset_key.to_user_string()].columns
                assert dep.asset_key.to_user_string() in parents, (
                    f"{name} reads {dep} without depending on it"
                )


@pytest.mark.parametrize("table", ["item_features", "user_features", "ranking_examples"])
def test_every_feature_column_tells_where_it_comes_from(pages: Pages, table: str) -> None:
    schema = pages[table, 2]["dagster/column_schema"].value
    features = [column.name for column in schema.columns if "__" in column.name]
    assert features
    assert set(features) <= set(column_lineage(TABLES[table], features, by_default()).deps_by_column)
    assert all("(from " in column.description for column in schema.columns if "__" in column.name)


def test_definitions_name_their_code_their_docs_and_the_model_they_pay_for(shop: Shop) -> None:
    specs = {spec.key.to_user_string(): spec for spec in build(shop.config).resolve_all_asset_specs()}
    for name, spec in specs.items():
        (code,) = spec.metadata["dagster/code_references"].code_references
        lines = Path(code.file_path).read_text().splitlines()[code.line_number - 1 :]
        assert f"def {name}(" in "\n".join(lines).split("\n\n\n")[0]
        page, anchor = str(spec.metadata["docs"].value).split("#")
        assert f"## {anchor}" in (Path(__file__).parents[2] / page).read_text()
    assert {name for name, spec in specs.items() if spec.tags.get("model") == "llm"} == set(PROMPTED)
    assert {name for name, spec in specs.items() if spec.tags.get("model") == "encoder"} == {
        "item_embeddings",
        "user_embeddings",
    }


def test_owners_of_the_configuration_stand_on_every_asset(tmp_path: Path) -> None:
    owned = open_shop(
        tmp_path,
        make_world(SyntheticSettings(n_users=5, n_items=5, days=6)),
        owners=["team:ranking", "ana@shop.example"],
    )
    for spec in build(owned.config).resolve_all_asset_specs():
        assert spec.owners == ["team:ranking", "ana@shop.example"]
