"""Four thousand tests in ten seconds: the collector does not walk all of them again and again."""

import gc

import pytest

OBJECTS_BETWEEN_COLLECTIONS = 20_000


def pytest_configure() -> None:
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Tests and modules stay to the end."""
    gc.freeze()
