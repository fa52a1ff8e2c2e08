"""Which of the long cases a run of `make soak` plays: a sample by a printed seed, or all of them.

A run that was stopped goes on where it was, with its seed, as long as the code is the same.
"""

import hashlib
import os
import random
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest

SAMPLE: Final = "LOCKSTEP_SOAK"
SEED: Final = "LOCKSTEP_SOAK_SEED"
EVERYTHING: Final = "all"
ROOT: Final = Path(__file__).parents[1]


def fingerprint() -> str:
    """Of the code as it stands, committed or not."""
    digest = hashlib.sha256()
    for command in (["rev-parse", "HEAD"], ["diff", "HEAD"]):
        said = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, check=False)
        digest.update(said.stdout)
    return digest.hexdigest()


class Run:
    """One run of the soak, kept in a file: its seed, and the cases that have passed."""

    def __init__(self, file: Path, code: str, seed: str | None) -> None:
        """Go on with the run in ``file`` if it is of this code and of ``seed``, if given."""
        self._file = file
        head, *passed = file.read_text().splitlines() if file.exists() else [""]
        of, _, drawn = head.partition(" ")
        if of != code or (seed and seed != drawn):
            drawn, passed = seed or str(random.SystemRandom().randrange(10**6)), []
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"{code} {drawn}\n")
        self.seed, self.passed = drawn, frozenset(passed)

    def note(self, case: str) -> None:
        """``case`` has passed and need not be played again in this run."""
        with self._file.open("a") as file:
            file.write(f"{case}\n")


def drawn(cases: Iterable[tuple[str, str, int | None]], seed: str | None) -> set[str]:
    """The cases to play; all of them without a seed.

    Args:
        cases: Name of each, the test that it is a case of, and how many of that test's are played
            at most; None plays them all.
        seed: What the draw depends on, besides the test's own name.
    """
    tests: dict[tuple[str, int | None], list[str]] = {}
    for case, test, most in cases:
        tests.setdefault((test, most), []).append(case)
    chosen: set[str] = set()
    for (test, most), names in tests.items():
        few = most is not None and seed is not None and most < len(names)
        draw = random.Random(f"{seed}/{test}")
        chosen.update(draw.sample(names, most) if few and most else names)
    return chosen


class Soak:
    """The pytest plugin of a run with `-m soak`."""

    def __init__(self, run: Run, *, sampled: bool, records: bool) -> None:
        self._run, self._sampled, self._records = run, sampled, records

    def pytest_report_header(self) -> str:
        share = f"sample by seed {self._run.seed}" if self._sampled else "every case"
        again = f"{SEED}={self._run.seed} plays the same, {SAMPLE}={EVERYTHING} every case"
        return f"soak: {share}; {len(self._run.passed)} passed before this; {again}"

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        cases = ((it.nodeid, it.nodeid.partition("[")[0], most(it)) for it in items)
        chosen = drawn(cases, self._run.seed if self._sampled else None) - self._run.passed
        config.hook.pytest_deselected(items=[it for it in items if it.nodeid not in chosen])
        items[:] = [it for it in items if it.nodeid in chosen]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self._records and report.when == "call" and report.passed:
            self._run.note(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """All that was drawn has passed before: nothing is left, and nothing is wrong."""
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and self._run.passed:
            session.exitstatus = pytest.ExitCode.OK


def most(item: pytest.Item) -> int | None:
    """How many cases of the item's test a sample has: ``pytest.mark.soak(most=…)``."""
    marked = item.get_closest_marker("soak")
    given = marked.kwargs.get("most") if marked else None
    return int(given) if given else None


def plugin(*, worker: bool) -> Soak:
    """The plugin of this process; workers draw what the first process drew."""
    run = Run(ROOT / ".soak" / "run", fingerprint(), os.environ.get(SEED))
    os.environ[SEED] = run.seed
    return Soak(run, sampled=os.environ.get(SAMPLE) != EVERYTHING, records=not worker)
