"""What happened in a pass, also where nothing of it is left at its end.

A stage that passes takes its gates with it, and several stages may end in one pass: what is told
follows from where the pass began and what it found, not from what it leaves.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from lockstep.api.events import EventReason
from lockstep.api.gate_status import GateStatus, Verdict
from lockstep.api.model_deployment_status import ModelDeploymentStatus, RevisionStatus
from lockstep.core.gates import stage as gates
from lockstep.core.gates.last import Concluded
from lockstep.core.plan import Event
from lockstep.core.rollout import changes, staged
from lockstep.core.rollout.messages import named
from lockstep.core.rollout.stages import FIRST, RETURNED, Step, is_held, walk
from lockstep.core.rollout.view import View

_VERDICTS: Final[Mapping[Verdict, EventReason]] = {
    Verdict.PASS: EventReason.GATE_PASS,
    Verdict.FAIL: EventReason.GATE_FAIL,
    Verdict.INCONCLUSIVE: EventReason.GATE_INCONCLUSIVE,
}


@dataclass(frozen=True, slots=True)
class Reached:
    """A gate that has come to another verdict, in the stage of this name."""

    stage: str
    gate: GateStatus


def events(view: View, after: ModelDeploymentStatus, new: Iterable[Reached]) -> Iterator[Event]:
    """What is told of a trial: its beginning, its stages, its ``new`` verdicts, each once."""
    candidate = after.candidate or view.status.candidate
    if candidate is None:
        return
    if after.candidate and _trial(view.observed.status.candidate) != _trial(after.candidate):
        yield _began(view, after.candidate)
    yield from (_verdict(it) for it in new)
    for step in filter(is_held, entered(view, after)):
        says = f"stage {step.name}: {step.weight}% of new connections reach {named(candidate)}"
        yield Event(EventReason.STAGE_ENTERED, says)


def _trial(candidate: RevisionStatus | None) -> tuple[object, ...]:
    return (candidate.revision, candidate.begun_at) if candidate else ()


def _began(view: View, candidate: RevisionStatus) -> Event:
    free = candidate.ungated == RETURNED
    begins = "returning to" if free else "rollout of"
    said = " without stages" if free else f" started{changes.said(view)}"
    return Event(EventReason.ROLLOUT_STARTED, f"{begins} {named(candidate)}{said}")


def _verdict(it: Reached) -> Event:
    says = f"stage {it.stage}: gate {it.gate.name} ({it.gate.criteria}) {it.gate.message}"
    return Event(_VERDICTS[it.gate.verdict], says)


def reached(view: View, after: ModelDeploymentStatus) -> tuple[Reached, ...]:
    """The verdicts of this pass, also of a stage that it has ended."""
    stage = staged.current(view)
    known = {(it.criteria, it.name): it.verdict for it in view.status.gates}
    return tuple(
        Reached(stage.name, row)
        for row in _rows(view, after)
        if stage and row.verdict not in {Verdict.MEASURING, known.get((row.criteria, row.name))}
    )


def concluded(view: View, after: ModelDeploymentStatus, new: Sequence[Reached]) -> Concluded | None:
    """What the stage amounts to so far, in a pass in which a gate has come to a verdict."""
    candidate = view.status.candidate
    if candidate is None or not new:
        return None
    rows = tuple(row for row in _rows(view, after) if row.verdict is not Verdict.MEASURING)
    return Concluded(revision=candidate.revision, stage=new[0].stage, gates=rows)


def _rows(view: View, after: ModelDeploymentStatus) -> tuple[GateStatus, ...]:
    """The gates of the stage that the pass began in, as it has left or ended them."""
    stage, status = staged.current(view), view.status
    if stage is None or status.stage is None or status.candidate is None:
        return ()
    before, now = status.stage, after.stage
    same = after.candidate is not None and after.candidate.revision == status.candidate.revision
    if same and now and (now.index, now.name) == (before.index, before.name):
        return after.gates
    asked = staged.gate_trial(view, stage, before)
    return gates.judge(asked, view.observed.answers.metrics, view.now).gates if asked else ()


def entered(view: View, after: ModelDeploymentStatus) -> Iterator[Step]:
    """The steps whose weight was reached in this pass, also those that it has ended."""
    status, candidate, now = view.status.stage, view.status.candidate, after.stage
    if status and candidate:
        for step in walk(view)[status.index : _passed(view, candidate, after)]:
            known = step.name == status.name and status.entered_at is not None
            if not known and step.name != FIRST:
                yield step
    again = now and status and (now.index, now.entered_at) == (status.index, status.entered_at)
    if now and now.entered_at and not again:
        yield from walk(replace(view, status=after))[now.index : now.index + 1]


def _passed(view: View, candidate: RevisionStatus, after: ModelDeploymentStatus) -> int:
    """How many steps the trial has behind it; none where it ended otherwise than in promotion."""
    if after.candidate is not None and after.candidate.revision == candidate.revision:
        return after.stage.index if after.stage else 0
    promoted = after.stable is not None and after.stable.revision == candidate.revision
    return len(walk(view)) if promoted and after.candidate is None else 0
