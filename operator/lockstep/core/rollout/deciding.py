"""What people decided: each Decision changes the memory once, and is answered for good."""

from collections.abc import Iterator
from typing import Final

from lockstep.api.status import ModelDeploymentStatus, Taken
from lockstep.core.observed import Decided, Observed
from lockstep.core.plan import AnswerDecision
from lockstep.core.rollout import acts
from lockstep.core.rollout.view import View

MOST: Final = 16
"""Decisions that status remembers; more of them wait for the next pass."""


def taken(view: View) -> View:
    """The memory after the Decisions that nobody took yet, each once and in their order.

    The spec comes first: where it changed in the same pass, they meet what it has made.
    """
    view = _remembered(_spec_wins(view))
    known = {it.uid for it in view.memory.decisions}
    waiting = [it for it in view.observed.decisions if it.outcome is None and it.uid not in known]
    for decided in waiting[: _room(view)]:
        view = _take(view, decided)
    return view


def answers(observed: Observed, memory: ModelDeploymentStatus) -> Iterator[AnswerDecision]:
    """What is still to be written into Decisions that were taken."""
    known = {it.uid: it for it in memory.decisions}
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


def _spec_wins(view: View) -> View:
    """A Pause that somebody decided ends when ``spec.paused`` changes."""
    if not view.repaused:
        return view
    return view.recall(paused_by_spec=view.spec.paused, hold=None)


def _remembered(view: View) -> View:
    """What was taken is known until the spec changes, and until its Decision has its answer."""
    if view.memory.observed_generation == view.observed.generation:
        return view
    unanswered = _unanswered(view)
    return view.recall(decisions=tuple(it for it in view.memory.decisions if it.uid in unanswered))


def _unanswered(view: View) -> set[str]:
    return {it.uid for it in view.observed.decisions if it.outcome is None}


def _room(view: View) -> int:
    """How many more can be remembered without forgetting one that is not answered yet."""
    unanswered = _unanswered(view)
    return MOST - sum(it.uid in unanswered for it in view.memory.decisions)


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
    lines, unanswered = view.memory.decisions, _unanswered(view)
    if len(lines) >= MOST:
        oldest = next((it for it in lines if it.uid not in unanswered), None)
        lines = tuple(it for it in lines if it is not oldest)
    return view.recall(decisions=(*lines, line))
