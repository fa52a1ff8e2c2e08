"""Waiting before the next try."""

from datetime import timedelta

import pytest

from lockstep.core.backoff import backoff


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 0.25), (2, 0.5), (4, 2), (7, 15), (10**6, 15)]
)
def test_it_doubles_up_to_its_cap(failures: int, seconds: float) -> None:
    assert backoff(failures) == timedelta(seconds=seconds)
