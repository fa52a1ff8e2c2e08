"""Ask: Prometheus, one pod of the candidate, the API server; all at once, each in its own time."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Protocol, assert_never

from lockstep.adapters.kubernetes import pod_events
from lockstep.clients.kubernetes.api import Kube
from lockstep.core.gates.question import Answer, Broken, Question, Reply, Unasked
from lockstep.core.key import Key
from lockstep.core.rollout.needs import DryRun, Needs, PodEvents
from lockstep.core.rollout.observed import Answers, DryRunResult, Observed, PodSaid
from lockstep.errors import LockstepError
from lockstep.shell.rollout.smokes import SmokeTests
from lockstep.shell.telemetry.metrics import Metrics

_LOG: Final = logging.getLogger(__name__)

DRY_RUN_BELIEVED: Final = timedelta(seconds=10)
"""Shorter than the planner's next look; passes that are enqueued meanwhile ask nothing again."""
LISTED_WITHIN: Final = timedelta(seconds=3)
"""No pass waits long for a sentence."""
HEARD_KEPT: Final = timedelta(minutes=10)
"""Longer than any turn takes."""


class Prometheus(Protocol):
    """Measures; what was not answered is a Broken or an Unasked, not an exception."""

    async def ask(
        self, key: Key, questions: Sequence[Question]
    ) -> Mapping[Question, Answer | Unasked]: ...

    def forget(self, key: Key) -> None: ...


@dataclass(frozen=True, slots=True)
class _Tried:
    trial: DryRun
    result: DryRunResult
    until: float


@dataclass(frozen=True, slots=True)
class _Heard:
    turn: int
    said: PodSaid
    until: float


class Ask:
    """The second step of the walk."""

    def __init__(
        self, prometheus: Prometheus, smokes: SmokeTests, kube: Kube, metrics: Metrics
    ) -> None:
        self._prometheus = prometheus
        self._smokes = smokes
        self._kube = kube
        self._metrics = metrics
        self._tried: dict[tuple[str, str], _Tried] = {}
        self._heard: dict[str, _Heard] = {}

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone: nothing is asked for it any more."""
        self._prometheus.forget(key)
        self._smokes.forget(key)

    async def ask(self, seen: Observed, needs: Needs) -> Observed:
        """What is known, with answers to everything that this pass needs.

        Raises:
            TransientError: The API server did not answer the dry run.
        """
        answers = await self._ask(seen.key, needs)
        return seen if answers == seen.answers else replace(seen, answers=answers)

    async def _ask(self, key: Key, needs: Needs) -> Answers:
        if sum(map(bool, (needs.questions, needs.smoke, needs.dry_run, needs.events))) > 1:
            answers, smoke, dry_run, said = await asyncio.gather(
                self._measure(key, needs.questions),
                self._smokes.result(key, needs.smoke),
                self._dry_run(needs.dry_run),
                self._listen(needs.events),
            )
            return Answers(metrics=answers, smoke=smoke, dry_run=dry_run, said=said)
        return Answers(  # most passes ask nothing: four tasks would cost more than their plan
            metrics=await self._measure(key, needs.questions),
            smoke=await self._smokes.result(key, needs.smoke),
            dry_run=await self._dry_run(needs.dry_run),
            said=await self._listen(needs.events),
        )

    async def _measure(
        self, key: Key, questions: Sequence[Question]
    ) -> Mapping[Question, Answer | Unasked]:
        answers = await self._prometheus.ask(key, questions)
        for answer in answers.values():
            if not isinstance(answer, Unasked):  # it is counted when it comes
                self._metrics.asked(_outcome(answer))
        return answers

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

    async def _listen(self, wanted: PodEvents | None) -> PodSaid | None:
        """A pod's Events, listed once a turn; a list that cannot be had explains nothing."""
        if wanted is None:
            return None
        known, now = self._heard.get(wanted.uid), asyncio.get_running_loop().time()
        if known is None or known.turn != wanted.turn:
            said = await self._list(wanted) or (known.said if known else PodSaid(wanted.uid, ""))
            known = _Heard(wanted.turn, said, now + HEARD_KEPT.total_seconds())
            self._heard = {uid: it for uid, it in self._heard.items() if now < it.until}
            self._heard[wanted.uid] = known
        return known.said

    async def _list(self, wanted: PodEvents) -> PodSaid | None:
        try:
            async with asyncio.timeout(LISTED_WITHIN.total_seconds()):
                asked = pod_events.query(wanted.uid)
                listed = await self._kube.events(wanted.namespace, asked)
        except (LockstepError, TimeoutError) as error:
            _LOG.info(
                "could not list the Events of a pod in namespace %s: %s", wanted.namespace, error
            )
            return None
        return PodSaid(wanted.uid, pod_events.read(listed))

    async def _try(self, trial: DryRun) -> DryRunResult:
        for manifest in (trial.replica_set, trial.pod):
            refusal = await self._kube.dry_run(manifest)
            if refusal:
                kind = manifest["kind"]
                problem = f"{kind}: {refusal.problem}"
                return DryRunResult(trial.revision, problem, refusal.cause, kind)
        return DryRunResult(trial.revision, None)


def _outcome(answer: Answer) -> str:
    match answer:
        case Broken():
            return "broken"
        case Reply(series):
            return "answered" if series else "no_data"
        case other:
            assert_never(other)
