"""A soak is a sample that can be repeated, and goes on where it was stopped."""

from pathlib import Path

import pytest

from tests.sampling import Run, drawn

CASES = [(f"a[{number}]", "a", 3) for number in range(20)] + [("b[0]", "b", None)]

DRAWN: dict[str, tuple[str | None, int]] = {
    "at most so many cases of each test": ("7", 4),
    "every case without a seed": (None, 21),
}


@pytest.mark.parametrize(("seed", "count"), DRAWN.values(), ids=DRAWN)
def test_of_many_cases_are_drawn(seed: str | None, count: int) -> None:
    assert len(drawn(CASES, seed)) == count


def test_the_same_seed_draws_the_same_and_another_one_others() -> None:
    assert drawn(CASES, "7") == drawn(CASES, "7")
    assert drawn(CASES, "7") != drawn(CASES, "8")


def test_a_run_that_was_stopped_goes_on_with_its_seed(tmp_path: Path) -> None:
    first = Run(tmp_path / "soak" / "run", "code", None)
    first.note("a[1]")
    again = Run(tmp_path / "soak" / "run", "code", None)
    assert (again.seed, again.passed) == (first.seed, frozenset({"a[1]"}))


BEGINS_ANEW: dict[str, tuple[str, str | None]] = {
    "when the code is another": ("other", "7"),
    "when another seed is asked for": ("code", "8"),
}


@pytest.mark.parametrize(("code", "seed"), BEGINS_ANEW.values(), ids=BEGINS_ANEW)
def test_a_run_begins_anew(tmp_path: Path, code: str, seed: str) -> None:
    Run(tmp_path / "run", "code", "7").note("a[1]")
    assert Run(tmp_path / "run", code, seed).passed == frozenset()
