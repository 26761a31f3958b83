"""A story is told in order: once a step has failed, the steps after it are skipped and say so."""

from collections.abc import Generator

import pytest

FAILED = pytest.StashKey[str]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and item.parent is not None:
        item.parent.stash.setdefault(FAILED, item.name)
    return report


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.parent is not None and (failed := item.parent.stash.get(FAILED, None)):
        pytest.skip(f"the story ended at {failed}")
