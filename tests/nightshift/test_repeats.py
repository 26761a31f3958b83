"""Equal warnings of a run are said once."""

import logging

import pytest

from nightshift.models.llm.repeats import Repeats


@pytest.fixture
def repeats() -> Repeats:
    return Repeats()


@pytest.fixture
def log(repeats: Repeats, caplog: pytest.LogCaptureFixture) -> logging.Logger:
    caplog.set_level(logging.INFO)
    found = logging.getLogger("tests.repeats")
    found.filters = [repeats]
    return found


def test_a_warning_is_said_once_a_run_whatever_its_numbers(
    repeats: Repeats, log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    for run in ("r1", "r2"):
        for batch in range(5):
            with repeats.within(run):
                log.warning("no token counts for %d of 128 rows, %.1f s", batch, 0.5 * batch)
    assert len(caplog.records) == 2


def test_other_words_and_other_levels_are_said(
    repeats: Repeats, log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    with repeats.within("r"):
        for words in ("one thing", "another thing", "one thing"):
            log.warning(words)
            log.info(words)
            log.error(words)
    assert [record.levelname for record in caplog.records].count("WARNING") == 2
    assert len(caplog.records) == 8


def test_outside_of_a_run_everything_is_said(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    log.warning("twice")
    log.warning("twice")
    assert len(caplog.records) == 2
