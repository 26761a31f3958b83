"""Public reports about other tools that were tried here, each beside the test that holds what happens
instead.

A record that grows: add a row when a report was tried and a test holds the outcome. A report may stand in
several rows.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REPORT = re.compile(r"[\w.-]+/[\w.-]+#\d+")
"""owner/repository#number, of an issue, a pull request or a discussion."""
COMPLAINTS = "tests/faults/test_complaints.py::"
CRASH = f"{COMPLAINTS}test_a_crash_at_half_way_costs_at_most_the_batch_in_flight"
BAD_ROW = f"{COMPLAINTS}test_one_bad_row_is_a_reject_that_can_be_asked_again_and_the_night_goes_on"
SPEND = f"{COMPLAINTS}test_spend_is_foreseen_stops_before_the_limit_and_the_night_is_published"
STALE = f"{COMPLAINTS}test_what_shapes_an_answer_moves_its_key_and_a_parser_does_not"
PARSER = f"{COMPLAINTS}test_a_better_parser_reads_old_answers_without_a_call"
FAILURES = f"{COMPLAINTS}test_a_failure_is_never_stored_as_an_answer_and_a_row_is_asked_twice_at_most"
BAD_JSON = "tests/faults/test_complaints_json.py::test_bad_json_is_asked_once_more_with_what_was_wrong_and_never_kept_as_an_answer"
ROWS = f"{COMPLAINTS}test_partitions_are_nights_and_a_changed_row_is_the_only_one_asked_in_its_step"
BLIND = f"{COMPLAINTS}test_a_long_step_says_how_far_it_is_from_a_ledger_that_anyone_can_read"
AS_OF = "tests/nightshift/features/test_asof.py::test_the_join_is_that_of_polars_join_asof"
TWICE = "tests/nightshift/features/test_asof.py::test_a_night_that_has_a_key_twice_is_refused"
LIGHTGBM = (
    "tests/nightshift/export/test_lightgbm.py::test_a_ranker_trained_on_the_export_orders_its_test_lists"
)
LISTS = "tests/nightshift/features/candidates/test_lists.py::test_training_lists_have_a_found_target_and_few_negatives_and_test_lists_are_whole"
LEAK = "tests/nightshift/features/test_proofs.py::test_a_planted_leak_is_caught_by_name"

REPORTS = (
    ("ray-project/ray#55008", "a crash loses the batch work done so far", CRASH),
    ("vllm-project/vllm#52505", "a crash loses the batch work done so far", CRASH),
    ("dagster-io/dagster#11790", "a crash loses the work of the step", CRASH),
    ("ray-project/ray#59194", "one bad row ends a job of millions", BAD_ROW),
    ("apache/beam#24209", "one bad row ends the pipeline", BAD_ROW),
    ("dagster-io/dagster#34254", "spend is seen afterwards", SPEND),
    ("argilla-io/distilabel#462", "spend is seen afterwards", SPEND),
    ("bespokelabsai/curator#408", "answers stay stale after a change", STALE),
    ("bespokelabsai/curator#408", "a changed parser does not need new answers", PARSER),
    ("open-metadata/OpenMetadata#29404", "stored vectors and answers stay stale after a change", STALE),
    ("vllm-project/vllm#38696", "endless or invalid JSON", BAD_JSON),
    ("ucbepic/docetl#50", "failures are cached as answers", FAILURES),
    ("dagster-io/dagster#33456", "partitions do not fit rows", ROWS),
    ("dagster-io/dagster#20925", "rows are lost in silence when dynamic steps are retried", ROWS),
    ("dagster-io/dagster#3071", "a long step does not say how far it is", BLIND),
    ("dagster-io/dagster#13026", "progress bars freeze the page", BLIND),
    (
        "feast-dev/feast#3003",
        "an as-of join is slow and takes 50 GB; here: the same rows as polars' own join",
        AS_OF,
    ),
    ("feast-dev/feast#3360", "an as-of join is wrong where a key is there twice", TWICE),
    ("lightgbm-org/LightGBM#5094", "vectors do not fit a ranker's columns", LIGHTGBM),
    (
        "recommenders-team/recommenders#2297",
        "no reference of two stages with groups and negatives done right",
        LISTS,
    ),
    ("recommenders-team/recommenders#2297", "no reference of two stages without leakage", LEAK),
)
"""Report, its essence in a line, the test."""


def names_in(path: Path) -> set[str]:
    """Names of a file's tests, `Class::name` for methods. The file is parsed, not run."""
    body = ast.parse(path.read_text("utf-8")).body
    within = {
        f"{one.name}::{each.name}"
        for one in body
        if isinstance(one, ast.ClassDef)
        for each in one.body
        if isinstance(each, ast.FunctionDef)
    }
    return within | {one.name for one in body if isinstance(one, ast.FunctionDef)}


@pytest.mark.parametrize("test", sorted({test for _, _, test in REPORTS}))
def test_every_named_test_exists(test: str) -> None:
    place, _, name = test.partition("::")
    assert (ROOT / place).is_file(), place
    assert name.partition("[")[0] in names_in(ROOT / place)


def test_reports_are_written_as_owner_repository_number_with_a_line_and_stand_once_a_test() -> None:
    assert [report for report, _, _ in REPORTS if not REPORT.fullmatch(report)] == []
    assert all(essence and len(essence.splitlines()) == 1 for _, essence, _ in REPORTS)
    assert len({(report, test) for report, _, test in REPORTS}) == len(REPORTS)


def test_every_report_that_a_complaints_test_names_is_in_the_record() -> None:
    named = {
        found
        for path in (ROOT / "tests" / "faults").glob("test_complaints*.py")
        for found in REPORT.findall(path.read_text("utf-8"))
    }
    assert named - {report for report, _, _ in REPORTS} == set()
