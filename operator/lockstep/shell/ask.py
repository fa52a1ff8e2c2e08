"""Ask: Prometheus, one pod of the candidate, the API server; all at once, each in its own time."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from lockstep.clients.kube import Kube
from lockstep.core.gates.question import Answer, Broken, Question
from lockstep.core.needs import DryRun, Needs, Smoke
from lockstep.core.observed import Answers, DryRunResult, SmokeResult
from lockstep.shell.metrics import Metrics

DRY_RUN_BELIEVED: Final = timedelta(seconds=10)
"""Shorter than the planner's next look; passes that are rung for meanwhile ask nothing again."""


class Prometheus(Protocol):
    """Answers questions; one that was not answered is a Broken, not an exception."""

    async def ask(self, questions: Iterable[Question]) -> Mapping[Question, Answer]: ...


class Prober(Protocol):
    """Asks a pod."""

    async def ask(self, test: Smoke) -> SmokeResult: ...


@dataclass(frozen=True, slots=True)
class _Tried:
    trial: DryRun
    result: DryRunResult
    until: float


class Ask:
    """The second step of the walk."""

    def __init__(
        self, prometheus: Prometheus, prober: Prober, kube: Kube, metrics: Metrics
    ) -> None:
        self._prometheus = prometheus
        self._prober = prober
        self._kube = kube
        self._metrics = metrics
        self._tried: dict[tuple[str, str], _Tried] = {}

    async def ask(self, needs: Needs) -> Answers:
        """Put everything that this pass needs.

        Raises:
            TransientError: The API server did not answer the dry run.
        """
        answers, smoke, dry_run = await asyncio.gather(
            self._measure(needs.questions),
            self._smoke(needs.smoke),
            self._dry_run(needs.dry_run),
        )
        return Answers(metrics=answers, smoke=smoke, dry_run=dry_run)

    async def _measure(self, questions: Sequence[Question]) -> Mapping[Question, Answer]:
        if not questions:
            return {}
        answers = await self._prometheus.ask(questions)
        for answer in answers.values():
            self._metrics.asked(_outcome(answer))
        return answers

    async def _smoke(self, test: Smoke | None) -> SmokeResult | None:
        return await self._prober.ask(test) if test else None

    async def _dry_run(self, trial: DryRun | None) -> DryRunResult | None:
        if trial is None:
            return None
        metadata = trial.replica_set["metadata"]
        name = metadata["namespace"], metadata["name"]
        known, now = self._tried.get(name), asyncio.get_running_loop().time()
        if known is None or known.trial != trial or now >= known.until:
            result = await self._try(trial)
            known = _Tried(trial, result, now + DRY_RUN_BELIEVED.total_seconds())
            self._tried = {it: tried for it, tried in self._tried.items() if now < tried.until}
            self._tried[name] = known
        return known.result

    async def _try(self, trial: DryRun) -> DryRunResult:
        for manifest in (trial.replica_set, trial.pod):
            refusal = await self._kube.dry_run(manifest)
            if refusal:
                problem = f"{manifest['kind']}: {refusal.problem}"
                return DryRunResult(trial.revision, problem, waiting=refusal.waiting)
        return DryRunResult(trial.revision, None)


def _outcome(answer: Answer) -> str:
    if isinstance(answer, Broken):
        return "broken"
    return "answered" if answer.series else "no_data"
