"""Waiting before the next try."""

from datetime import timedelta

import pytest

from lockstep.shell.backoff import backoff


@pytest.mark.parametrize(("failures", "seconds"), [(1, 1), (2, 2), (5, 16), (8, 120), (10**6, 120)])
def test_it_doubles_up_to_its_cap(failures: int, seconds: int) -> None:
    assert backoff(failures) == timedelta(seconds=seconds)
