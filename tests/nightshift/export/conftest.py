"""The published home that exports are made of."""

import pytest

from tests.exports.homes import publish_home
from tests.served import Served


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """Three nights and training rows; nobody writes to it."""
    return publish_home(tmp_path_factory.mktemp("home"))
