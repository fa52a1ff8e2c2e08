"""What people decided: each Decision changes the status once, and is answered for good.

One that ends the trial under way is taken before those that were written earlier, and only so many
may wait: whoever writes thousands keeps nobody from taking a bad revision back.
"""

from collections.abc import Iterator
from typing import Final

from lockstep.api.decision import Act
from lockstep.api.model_deployment_status import (
    ModelDeploymentStatus,
    Outcome,
    Taken,
)
from lockstep.core.facts import Unreadable
from lockstep.core.rollout import acts, messages
from lockstep.core.rollout.actions import AnswerDecision
from lockstep.core.rollout.observed import Decided, Observed
from lockstep.core.rollout.view import View

MOST: Final = 16
"""Decisions that status remembers; more of them wait for the next pass."""
MOST_WAITING: Final = 64
"""Decisions that may wait; of more the oldest are refused, this many in a pass."""

_BACK: Final = frozenset({Act.ABORT, Act.REJECT})


def with_decisions(view: View) -> View:
    """The status after the Decisions that nobody took yet, each once and in their order.

    The spec comes first: where it changed in the same pass, they meet what it has made.
    """
    view = _remembered(_spec_wins(view))
    observed = view.observed
    crowd = {it.uid for it in _crowded(observed)}
    waiting = [it for it in _waiting(observed) if it.uid not in crowd]
    for decided in sorted(waiting, key=lambda it: not _ends(observed, it))[: _room(view)]:
        view = _take(view, decided)
    return view


def _waiting(observed: Observed) -> list[Decided]:
    known = {it.uid for it in observed.status.decisions}
    return [it for it in observed.decisions if it.outcome is None and it.uid not in known]


def _ends(observed: Observed, decided: Decided) -> bool:
    """Whether it takes back what is on trial, as this pass found it."""
    spec, candidate = decided.spec, observed.status.candidate
    if isinstance(spec, Unreadable) or candidate is None:
        return False
    return spec.act in _BACK and spec.revision == candidate.revision


def _crowded(observed: Observed) -> list[Decided]:
    """The oldest of too many."""
    waiting = [it for it in _waiting(observed) if not _ends(observed, it)]
    return waiting[: max(0, len(waiting) - MOST_WAITING)]


def answers(observed: Observed, status: ModelDeploymentStatus) -> Iterator[AnswerDecision]:
    """What is still to be written into Decisions that were taken."""
    known = {it.uid: it for it in status.decisions}
    for decided in observed.decisions:
        done = known.get(decided.uid)
        if done and decided.outcome is None:
            yield AnswerDecision(
                name=decided.name,
                uid=decided.uid,
                outcome=done.outcome,
                message=done.message,
                at=done.at,
            )


def refusals(view: View) -> Iterator[AnswerDecision]:
    """Those that are too many are refused; it changes nothing, so nothing has to remember it."""
    for decided in _crowded(view.observed)[:MOST_WAITING]:
        yield AnswerDecision(
            name=decided.name,
            uid=decided.uid,
            outcome=Outcome.REFUSED,
            message=messages.crowded(MOST_WAITING),
            at=view.now,
        )


def _spec_wins(view: View) -> View:
    """A Pause that somebody decided ends when ``spec.paused`` changes."""
    if not view.repaused:
        return view
    return view.with_status(paused_by_spec=view.spec.paused, hold=None)


def _remembered(view: View) -> View:
    """What was taken is known until the spec changes, and until its Decision has its answer."""
    if view.status.observed_generation == view.observed.generation:
        return view
    unanswered = _unanswered(view)
    return view.with_status(
        decisions=tuple(it for it in view.status.decisions if it.uid in unanswered)
    )


def _unanswered(view: View) -> set[str]:
    return {it.uid for it in view.observed.decisions if it.outcome is None}


def _room(view: View) -> int:
    """How many more can be remembered without forgetting one that is not answered yet."""
    unanswered = _unanswered(view)
    return MOST - sum(it.uid in unanswered for it in view.status.decisions)


def _take(view: View, decided: Decided) -> View:
    ruling = acts.ruling(view, decided)
    line = Taken(
        uid=decided.uid,
        name=decided.name,
        outcome=ruling.outcome,
        message=ruling.message,
        at=view.now,
    )
    return _appended(ruling.view or view, line)


def _appended(view: View, line: Taken) -> View:
    """One more line; for it the oldest goes whose Decision has its answer."""
    lines, unanswered = view.status.decisions, _unanswered(view)
    if len(lines) >= MOST:
        oldest = next((it for it in lines if it.uid not in unanswered), None)
        lines = tuple(it for it in lines if it is not oldest)
    return view.with_status(decisions=(*lines, line))
