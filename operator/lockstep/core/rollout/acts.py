"""What each act of a Decision does to the status of a rollout.

Nothing here moves callers or pods. Who may decide at all is the admission policies' to say; what
they could not see, such as a revision that ended a moment ago, is looked at again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, assert_never

from lockstep.api.base import cut
from lockstep.api.changes import changed
from lockstep.api.conditions import Reason
from lockstep.api.decision import ABOUT_A_STAGE, Act, DecisionSpec
from lockstep.api.failures import FailureReason
from lockstep.api.history import Became
from lockstep.api.model_deployment_status import (
    Approved,
    Hold,
    Outcome,
    Phase,
    RevisionStatus,
    StageStatus,
)
from lockstep.core.facts import Unreadable
from lockstep.core.governance import approvals
from lockstep.core.rollout import adoption, approving, config, messages, outcome, situation
from lockstep.core.rollout.failures import Failure
from lockstep.core.rollout.observed import Decided
from lockstep.core.rollout.stages import (
    LAST_SKIPPED,
    PROMOTED_FULL,
    Step,
    is_gated_first,
    plan_problem,
    steps,
    walk,
)
from lockstep.core.rollout.view import View

_WORDS: Final = 160


@dataclass(frozen=True, slots=True)
class Ruling:
    """What becomes of one Decision; ``view`` remembers what it changed, None: nothing."""

    outcome: Outcome
    message: str
    view: View | None = None


def ruling(view: View, decided: Decided) -> Ruling:
    """What becomes of a Decision that nobody took yet."""
    spec = decided.spec
    if isinstance(spec, Unreadable):
        return _refused(f"the Decision is invalid: {spec.message}")
    match spec.act:
        case Act.PAUSE:
            return _pause(view, spec)
        case Act.RESUME:
            return _resume(view)
        case Act.ADOPT:
            return _adopt(view, spec)
        case Act.RETRY:
            return _retry(view, spec)
        case Act.PROMOTE_FULL:
            return _promote_full(view, spec)
        case Act.APPROVE | Act.REJECT | Act.PROMOTE | Act.SKIP_STAGE | Act.ABORT:
            return _on_trial(view, spec, decided)
        case other:
            assert_never(other)


def _applied(view: View, message: str) -> Ruling:
    return Ruling(Outcome.APPLIED, message, view)


def _refused(message: str) -> Ruling:
    return Ruling(Outcome.REFUSED, message)


def _superseded(message: str) -> Ruling:
    return Ruling(Outcome.SUPERSEDED, message)


def _on_trial(view: View, spec: DecisionSpec, decided: Decided) -> Ruling:
    """An act on the candidate, at the stage that it is in."""
    candidate = view.status.candidate
    if candidate is None or candidate.revision != spec.revision:
        return _gone(view, spec.revision)
    step, misplaced = _here(view), None
    if spec.act in ABOUT_A_STAGE:
        misplaced = _misplaced(view, step, spec.stage or "")
    if misplaced:
        return misplaced
    match spec.act:
        case Act.APPROVE:
            return _approve(view, step, spec, decided)
        case Act.REJECT:
            return _take_back(view, FailureReason.REJECTED, "rejected", spec)
        case Act.ABORT:
            return _take_back(view, FailureReason.ABORTED, "aborted", spec)
        case Act.PROMOTE:
            return _promote(view, step, spec)
        case _:
            return _skip(view, candidate, step, spec)


def _gone(view: View, revision: str) -> Ruling:
    """Another revision than the one on trial."""
    if _is_to_begin(view, revision):
        return _refused(f"revision {revision} has not started: {view.observed.status.message}")
    return _superseded(f"revision {revision} is not the candidate: {_standing(view)}")


def _is_to_begin(view: View, revision: str) -> bool:
    """Whether the spec asks for it, nothing is held against it, and it is not on trial yet."""
    status = view.status
    over = {it.revision for it in (status.stable, status.rejected) if it}
    return status.candidate is None and revision == view.wanted.revision and revision not in over


def _standing(view: View) -> str:
    status = view.status
    if status.candidate:
        return f"{messages.named(status.candidate)} is, in stage {_here(view).name}"
    stable = f"{messages.named(status.stable)} serves" if status.stable else "no revision serves"
    rejected = status.rejected
    if rejected is None:
        return stable
    back = f"version {rejected.version} (revision {rejected.revision}) was rolled back"
    return f"{back}: {rejected.reason}; {stable}"


def _index(view: View) -> int:
    """Where the trial is in the steps of the spec as it is now."""
    stage = view.status.stage
    return min(stage.index if stage else 0, len(walk(view)) - 1)


def _here(view: View) -> Step:
    return walk(view)[_index(view)]


def _misplaced(view: View, step: Step, stage: str) -> Ruling | None:
    """Another stage than the one under way; None when it is that one."""
    if stage == step.name:
        return None
    names = [it.name for it in walk(view)]
    if stage not in names:
        return _refused(
            f"there is no stage {stage}: the rollout has stages {', '.join(names)} and is in "
            f"{step.name}"
        )
    if names.index(stage) < _index(view):
        return _superseded(f"stage {stage} has passed: the rollout is in stage {step.name}")
    return _refused(f"stage {stage} has not started: the rollout is in stage {step.name}")


def _approve(view: View, step: Step, spec: DecisionSpec, decided: Decided) -> Ruling:
    """Counted once for each person, also before it is asked for; not after the time for it."""
    ballot = approving.ballot(view, step)
    if ballot is None:
        return _refused(f"stage {step.name} requires no approval")
    if ballot.closed(decided.at):
        return _refused(messages.approval_expired(step, ballot))
    why = approvals.refusal(ballot.approval, spec.by, spec.groups, approving.authors(view))
    if why:
        return _refused(f"stage {step.name}: {why}")
    approved = Approved(
        stage=step.name,
        by=spec.by,
        groups=approvals.spoken_for(ballot.approval, spec.groups),
        at=decided.at,
    )
    after = view.with_status(approvals=approvals.added(view.status.approvals, approved))
    known = approving.ballot(after, step) or ballot
    return _applied(
        after, f"stage {step.name} has {approvals.tally(known.approval, known.counted)}"
    )


def _take_back(view: View, reason: FailureReason, what: str, spec: DecisionSpec) -> Ruling:
    """As a failure does: back to stable, and not tried again."""
    said = f"{what} by {_signed(spec)}"
    after = outcome.rejected(view, Failure(reason, said))
    back = after.status.rejected
    return _applied(after, back.message if back else said)


def _promote(view: View, step: Step, spec: DecisionSpec) -> Ruling:
    """Somebody vouches for what could not be decided; approvals are still wanted."""
    stage = view.status.stage
    if view.paused:
        return _refused(_resume_first(view))
    if stage and stage.vouched_by:
        return _applied(view, f"{stage.vouched_by} promoted stage {stage.name} already")
    if stage is None or not _awaits_a_person(view, step):
        said = view.observed.status.message
        return _refused(f"the stage does not wait for Promote (SkipStage would end it): {said}")
    vouched = changed(stage, vouched_by=spec.by)
    wanting = approving.ballot(view, step)
    then = "when it is approved" if wanting and not wanting.complete else "now"
    after = view.with_status(stage=vouched)
    return _applied(after, f"stage {stage.name} ends {then}, promoted by {_signed(spec)}")


def _awaits_a_person(view: View, step: Step) -> bool:
    """Whether the last pass ended in a pause that a person may end, and nothing happened since."""
    before = view.observed.status
    if before.phase is not Phase.PAUSED or before.stage != view.status.stage:
        return False
    ready = next((it.reason for it in before.conditions if it.type == "Ready"), "")
    return ready in situation.PROMOTABLE or (step.manual and ready == Reason.APPROVAL_NEEDED)


def _skip(view: View, candidate: RevisionStatus, step: Step, spec: DecisionSpec) -> Ruling:
    """On to the next stage. After the last one callers still move only to proven, ready pods."""
    if view.paused:
        return _refused(_resume_first(view))
    if not _has_stages(view, candidate):
        return _refused(f"there is no stage to skip: {view.observed.status.message}")
    why = _excluded(view, (step,), spec.by)
    if why:
        return _refused(why)
    walked, following = walk(view), _index(view) + 1
    if following < len(walked):
        after = _at(view, walked[following].name, following)
    else:
        after = _ungated(view, candidate, LAST_SKIPPED)
    said = f"stage {step.name} skipped by {_signed(spec)}"
    after = after.with_status(history=view.remember(candidate, Became.STAGE_SKIPPED, said))
    return _applied(after, f"{said}; {_next(after)}")


def _excluded(view: View, passed_over: Iterable[Step], by: str) -> str:
    """Why this person may not pass over these steps: one of them wants somebody else's approval.

    An author who may not approve a stage may not go round it either.
    """
    known = approving.authors(view)
    for step in passed_over:
        why = approvals.excluded(step.approval, by, known) if step.approval else ""
        if why:
            return f"stage {step.name} would be skipped, and {why}"
    return ""


def _has_stages(view: View, candidate: RevisionStatus) -> bool:
    """Whether gates, soak or approvals lie before all callers at all."""
    staged = view.status.stable is not None or is_gated_first(view)
    return staged and not candidate.ungated


def _at(view: View, name: str, index: int) -> View:
    return view.with_status(stage=StageStatus(name=name, index=index), gates=())


def _ungated(view: View, candidate: RevisionStatus, why: str) -> View:
    """A single step is left: all callers, as soon as proven pods are there for them."""
    view = view.with_status(candidate=changed(candidate, ungated=why))
    return _at(view, walk(view)[0].name, 0)


def _next(view: View) -> str:
    candidate = view.status.candidate
    if candidate and candidate.ungated:
        return "all traffic moves as soon as its pods are ready"
    return f"next stage: {_here(view).name}"


def _promote_full(view: View, spec: DecisionSpec) -> Ruling:
    """No stages, gates or approvals any more; the smoke test and ready pods are still wanted."""
    candidate, rejected = view.status.candidate, view.status.rejected
    if view.paused:
        return _refused(_resume_first(view))
    if candidate is None and rejected and rejected.revision == spec.revision:
        return _promote_rejected(view, spec)
    if candidate is None or candidate.revision != spec.revision:
        return _gone(view, spec.revision)
    if not _has_stages(view, candidate):
        return _refused(f"it has no stages left: {view.observed.status.message}")
    why = _excluded(view, walk(view)[_index(view) :], spec.by)
    if why:
        return _refused(why)
    return _in_full(_ungated(view, candidate, PROMOTED_FULL), candidate, spec)


def _promote_rejected(view: View, spec: DecisionSpec) -> Ruling:
    """A person who may promote in full may also lift a rejection."""
    if spec.revision != view.wanted.revision:
        return _refused(f"the spec asks for revision {view.wanted.revision} instead")
    candidate = changed(view.describe(), ungated=PROMOTED_FULL)
    problem = plan_problem(view, candidate) or config.problem(view)
    if problem:
        return _refused(problem.message)
    begun = outcome.begun(view.with_status(rejected=None), candidate)
    why = _excluded(begun, steps(view.spec, None), spec.by)
    return _refused(why) if why else _in_full(begun, candidate, spec)


def _in_full(view: View, candidate: RevisionStatus, spec: DecisionSpec) -> Ruling:
    said = f"promoted in full by {_signed(spec)}"
    after = view.with_status(history=view.remember(candidate, Became.PROMOTED_FULL, said))
    return _applied(after, f"{said}; {_next(after)}")


def _retry(view: View, spec: DecisionSpec) -> Ruling:
    """What was taken back is tried again from the first stage, a stage from its beginning."""
    candidate, rejected = view.status.candidate, view.status.rejected
    if candidate and candidate.revision == spec.revision:
        after = outcome.again(view, candidate)
        return _applied(after, f"stage {_here(view).name} starts again")
    if candidate is None and rejected and rejected.revision == spec.revision:
        if spec.revision != view.wanted.revision:
            return _refused(f"the spec asks for revision {view.wanted.revision} instead")
        then = f"; {_resume_first(view)}" if view.paused else ""
        said = f"version {rejected.version} is tried again from its first stage{then}"
        return _applied(view.with_status(rejected=None), said)
    if _is_to_begin(view, spec.revision):
        return _superseded(f"revision {spec.revision} is not rejected: it can start")
    return _gone(view, spec.revision)


def _pause(view: View, spec: DecisionSpec) -> Ruling:
    hold = view.status.hold
    if view.spec.paused:
        return _applied(view, "spec.paused is already true; set it to false to resume")
    if view.repaused:
        return _superseded("spec.paused was set to false after that, which takes precedence")
    if hold:
        return _applied(view, f"already paused by {hold.by}: {hold.reason}")
    after = view.with_status(hold=Hold(by=spec.by, reason=_words(spec), at=view.now))
    return _applied(after, _what_a_pause_holds(view))


def _what_a_pause_holds(view: View) -> str:
    status = view.status
    if status.candidate is None:
        return "a new revision will wait for a Resume"
    if status.stable is None and not is_gated_first(view):
        return "the first rollout continues, the next revision will wait for a Resume"
    return f"no stage after {_here(view).name} starts before a Resume; a failure still rolls back"


def _resume(view: View) -> Ruling:
    if view.spec.paused:
        return _refused("spec.paused is true: set it to false")
    if view.status.hold is None:
        meanwhile = ": spec.paused was set to false" if view.repaused else ""
        return _superseded(f"the rollout is no longer paused{meanwhile}")
    return _applied(view.with_status(hold=None), "the rollout continues")


def _adopt(view: View, spec: DecisionSpec) -> Ruling:
    """Seen now, not what may come: a later restore wants a word of its own."""
    children = adoption.left(view)
    if not children:
        return _superseded("there is no child without an owner to adopt")
    said = f"{adoption.listed(children)} adopted, decided by {_signed(spec)}"
    return _applied(view.with_status(adopting=spec.by), said)


def _resume_first(view: View) -> str:
    hold = view.status.hold
    if view.spec.paused:
        return "spec.paused is true: set it to false first"
    if hold:
        return f"paused by {hold.by} ({hold.reason}): create a Decision Resume first"
    return f"spec.rollbackTo names revision {view.spec.rollback_to}, which does not exist"


def _signed(spec: DecisionSpec) -> str:
    return f"{spec.by}: {_words(spec)}"


def _words(spec: DecisionSpec) -> str:
    """The reason in one line that leaves room for what became of it."""
    return cut(" ".join(spec.reason.split()), _WORDS)
