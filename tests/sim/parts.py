"""Who answers the operator's questions: Prometheus, a candidate's pod, the API server's dry run.

They answer late; in sick times they lie, or not at all.
"""

import random
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from lockstep.core.gates.question import Answer, Broken, Question, Reply, Series, Unasked
from lockstep.core.pods import Pod
from lockstep.core.refusals import Cause
from lockstep.core.rollout.needs import DryRun, Needs, Smoke
from lockstep.core.rollout.observed import Answers, DryRunResult, SmokeResult
from tests.sim.cluster import AWAY, Cluster
from tests.sim.written import Nature

ALLOWED: Final = 0.01
USUAL: Final = 0.001
FAILING: Final = 0.3
_REVISION: Final = re.compile(r'revision="(\w*)"')


class Mood(StrEnum):
    """How Prometheus is."""

    WELL = "well"
    DOWN = "down"
    EMPTY = "without data"
    NAN = "dividing by zero"
    SEVERAL = "with a series per pod"
    GARBAGE = "behind a proxy's error page"
    BUSY = "busy with other queries"


@dataclass(frozen=True, slots=True)
class Sample:
    """A number that the operator was given about a revision."""

    metric: str
    revision: str
    at: datetime
    value: float


@dataclass(slots=True, kw_only=True)
class Parts:
    """Everybody who is asked. ``shared``: whatever is wrong is wrong with stable as well."""

    cluster: Cluster
    rng: random.Random
    latency: tuple[float, float] = (0.1, 0.1)
    lies: float = 0.0
    mood: Mood = Mood.WELL
    shared: bool = False
    quota_until: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    proven: set[str] = field(default_factory=set)

    def answer(self, needs: Needs) -> Answers:
        """Take a while, then answer what was asked."""
        if needs == Needs():
            return Answers()
        agenda = self.cluster.agenda
        agenda.run_until(agenda.seconds + self.rng.uniform(*self.latency))
        return Answers(
            metrics={question: self._measure(question) for question in needs.questions},
            smoke=self._smoke(needs.smoke) if needs.smoke else None,
            dry_run=self._try(needs.dry_run) if needs.dry_run else None,
        )

    def _nature(self, revision: str) -> Nature:
        return self.cluster.natures.get(revision, Nature.GOOD)

    def _lies(self) -> bool:
        return self.cluster.sick and self.rng.random() < self.lies

    def _measure(self, question: Question) -> Answer | Unasked:
        mood = self.rng.choice(list(Mood)) if self._lies() else self.mood
        match mood:
            case Mood.DOWN:
                return Broken("no answer within 5s")
            case Mood.GARBAGE:
                return Broken("HTTP 502 with a body that is not JSON")
            case Mood.BUSY:
                return Unasked("http://prometheus is busy with other queries")
            case Mood.EMPTY:
                return Reply(())
            case Mood.NAN:
                return Reply((Series(float("nan")),))
            case Mood.SEVERAL:
                return Reply((Series(USUAL, {"pod": "a"}), Series(USUAL, {"pod": "b"})))
            case Mood.WELL:
                return self._truth(question)

    def _truth(self, question: Question) -> Answer:
        """What the revision's callers really meet; nothing about one that nobody calls.

        Whoever tries a preview meets no load.
        """
        if "__name__" in question.query:
            return Reply(tuple(Series(1.0, {"__name__": it}) for it in ("errors", "requests")))
        found = _REVISION.search(question.query)
        revision = found[1] if found else ""
        called = self.cluster.reached_since.get(revision)
        since = self.cluster.previewed_since.get(revision) if called is None else called
        mute = called is not None and self._nature(revision) is Nature.MUTE_UNDER_LOAD
        if since is None or mute:
            return Reply(())
        metric = question.query.partition("{")[0]
        if metric == "requests":
            value = 20.0 * (self.cluster.agenda.seconds - since)
        else:
            loaded = called is not None and self._nature(revision) is Nature.FAILS_UNDER_LOAD
            fails = self.shared or loaded
            value = FAILING if fails else USUAL
        self.samples.append(Sample(metric, revision, question.at, value))
        return Reply((Series(value),))

    def _smoke(self, asked: Smoke) -> SmokeResult:
        pod = self._pod(asked.pod_uid)
        port = urlsplit(asked.url).port or 80
        if pod is None or not (pod.ready or pod.held) or not self.cluster.hears(pod.revision, port):
            return SmokeResult(asked.revision, "connection refused")
        if self._lies():
            return SmokeResult(asked.revision, "no answer within 5s")
        if self._nature(asked.revision) is Nature.WRONG_ANSWER:
            return SmokeResult(asked.revision, "HTTP 500, expected 200")
        self.proven.add(asked.revision)
        return SmokeResult(asked.revision, None)

    def _pod(self, uid: str) -> Pod | None:
        return next((pod for pod in self.cluster.pods() if pod.uid == uid), None)

    def _try(self, asked: DryRun) -> DryRunResult:
        if self._nature(asked.revision) is Nature.REFUSED:
            return DryRunResult(asked.revision, 'unknown field "spec.containers[0].imagee"')
        if self.cluster.agenda.seconds < self.cluster.away_until:
            return DryRunResult(asked.revision, AWAY.message, Cause.PLATFORM, "Pod")
        quota = self.cluster.quota
        full = quota is not None and len(self.cluster.pods()) >= quota
        if full or self.cluster.agenda.seconds < self.quota_until:
            return DryRunResult(asked.revision, "exceeded quota: pods=10", Cause.ROOM, "Pod")
        return DryRunResult(asked.revision, None)
