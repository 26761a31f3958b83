"""What a terminal and a log see of heartbeats."""

import io
import json
import logging
from itertools import pairwise

import dagster as dg
import pytest
from rich.console import Console

from jobs.console import StoryHandler, story
from nightshift.night.heartbeat import Beat

BEATS = (
    Beat("item_facts", done=1280, total=4000, hits=100, tokens=9000, seconds=10, usd=1.234),
    Beat("item_facts", done=0, total=0, hits=0, tokens=0, seconds=0.0, usd=None),
    Beat("item_embeddings", done=200, total=200, hits=0, tokens=0, seconds=4.0, what="texts"),
)


@pytest.mark.parametrize("beat", BEATS)
def test_a_log_record_carries_its_heartbeat_in_values_that_json_can_write(beat: Beat) -> None:
    record = logging.makeLogRecord(json.loads(json.dumps(beat.extra())))
    assert Beat.of(record) == beat
    assert beat.line().endswith(", ".join(beat.words()))


def test_a_line_that_only_reads_like_a_heartbeat_is_none() -> None:
    assert Beat.of(logging.makeLogRecord({"msg": BEATS[0].line()})) is None


def test_dagster_hands_the_heartbeat_on_to_its_loggers() -> None:
    seen = Kept()

    @dg.logger({})
    def kept(_: dg.InitLoggerContext) -> logging.Logger:
        return seen.logger

    @dg.asset
    def table(context: dg.AssetExecutionContext) -> None:
        context.log.info(BEATS[0].line(), extra=BEATS[0].extra())

    assert (
        dg.Definitions(assets=[table], loggers={"kept": kept})
        .resolve_implicit_global_asset_job_def()
        .execute_in_process(run_config={"loggers": {"kept": {}}})
        .success
    )
    assert [beat for record in seen.records if (beat := Beat.of(record))] == [BEATS[0]]


class Kept(logging.Handler):
    """Keeps every record of its logger."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.logger = logging.Logger("kept", level=logging.DEBUG)
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def test_in_a_log_heartbeats_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.Logger("night")
    log.addHandler(StoryHandler())
    for beat in BEATS:
        log.info(beat.line(), extra=beat.extra())
    printed = capsys.readouterr()
    assert [line.strip() for line in printed.out.splitlines()] == [beat.line() for beat in BEATS]
    assert printed.err == ""


@pytest.mark.parametrize(("width", "shows"), [(80, False), (120, True)])
def test_a_bar_fits_its_terminal_with_the_time_that_is_left(width: int, shows: bool) -> None:
    text = drawn(Beat("item_embeddings", 1280, 14_000, 3_500, 9000, 10, 1.234), width)
    assert "1,280/14,000" in text
    assert "s left" in text or "min left" in text
    assert ("hit rate" in text) is shows
    assert set(text) & set("━╸╺")


@pytest.mark.parametrize("width", [70, 80, 90, 100, 110, 120, 140])
@pytest.mark.parametrize("done", [0, 1, 999_999, 12_345_678])
def test_a_bar_cuts_no_number_however_narrow_its_terminal(width: int, done: int) -> None:
    beat = Beat("user_preferences", done, 12_345_678, 98_765_432, 987_654_321, 10.5, 1_234.56)
    text = drawn(beat, width)
    assert f"{done:,}/12,345,678" in text
    assert beat.rest().rpartition(", ")[2] in text
    assert "…" not in text


def drawn(beat: Beat, width: int) -> str:
    """What a terminal has seen of a bar."""
    screen = Console(file=io.StringIO(), force_terminal=True, width=width, highlight=False, color_system=None)
    handler = StoryHandler()
    handler._move(beat, screen)
    handler._put_away()
    return screen.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_steps_behind_one_that_failed_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    @dg.asset
    def broken() -> int:
        raise ValueError("no")

    def hanging(name: str, on: str) -> dg.AssetsDefinition:
        @dg.asset(name=name, deps=[on])
        def made() -> None: ...

        return made

    chain = ["broken", "features", "candidates", "examples", "ranker", "report"]
    assets = [broken, *(hanging(name, on) for on, name in pairwise(chain))]
    job = dg.Definitions(
        assets, jobs=[dg.define_asset_job("all")], loggers={"console": story}
    ).resolve_job_def("all")
    result = job.execute_in_process(raise_on_error=False, run_config={"loggers": {"console": {}}})
    assert not result.success
    printed = capsys.readouterr().out
    assert "Not executing" not in printed
    assert "not made, because what they read failed: features, candidates, examples and 2 more" in printed
