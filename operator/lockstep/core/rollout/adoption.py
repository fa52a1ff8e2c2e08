"""What has no owner and is taken over: a restored backup, orphans, a Service from before Lockstep.

Names, labels and content say that they are this ModelDeployment's; only a uid says that it made
them, and they have none of it any more. They go on serving, and are taken back when a person says
so: until then another one of that name could claim them as well. So is a Service of callers that
somebody made for a Deployment: whom it selects stays as it is until the first revision is ready.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from lockstep.api.base import DEPLOYMENT_LABEL
from lockstep.api.condition import Truth
from lockstep.api.conditions import Reason
from lockstep.api.model_deployment import DeletionPolicy
from lockstep.api.model_deployment_status import Phase
from lockstep.core.conditions import Claim
from lockstep.core.facts import ChildRef, Foreign
from lockstep.core.names import child_name
from lockstep.core.rollout.actions import Action, SetOwnership
from lockstep.core.rollout.view import Assessment, DesiredState, View

_NAMED: Final = 12
_BUDGET: Final = "PodDisruptionBudget"


def left(view: View) -> tuple[ChildRef, ...]:
    """What a Decision would take over now."""
    callers = Foreign("Service", view.observed.key.name)
    conflict = (ChildRef(callers.kind, callers.name),) if callers in view.observed.foreign else ()
    return (*view.observed.unowned, *conflict)


def blocks(view: View) -> bool:
    """Whether something of it is needed: who knows no stable yet needs all of it, to find one.

    What else only has a name such as ours stops nothing: anybody may give an object one.
    """
    status, key = view.status, view.observed.key
    named = [it.revision for it in (status.stable, status.candidate) if it]
    revisions = {view.wanted.revision, *named}
    needed = {key.name, *(child_name(key.name, revision) for revision in revisions)}
    there = [it for it in view.observed.unowned if it.kind != _BUDGET]
    return bool(there) and (not named or any(it.name in needed for it in there))


def conflicts(view: View) -> Iterator[tuple[Reason, str]]:
    """Reason and sentence of the condition Conflict."""
    if view.observed.unowned:
        yield Reason.UNOWNED, _taking_back(view) if view.status.adopting else _waiting(view)


def elsewhere(view: View) -> bool:
    """Whether callers of a Service that was taken over still reach whom they reached before."""
    service = view.observed.service
    return bool(view.status.adopting) and service is not None and service.elsewhere


def ended(view: View) -> View:
    """Everything is taken over, and callers reach pods of ours: what was decided is done."""
    done = view.status.adopting and not left(view) and not elsewhere(view)
    return view.with_status(adopting="") if done else view


def actions(view: View) -> Iterator[Action]:
    """Every child gets its owner back, once somebody has decided it."""
    orphan = view.spec.deletion_policy is DeletionPolicy.ORPHAN
    if view.status.adopting:
        for child in left(view):
            yield SetOwnership(child, orphan=orphan)


def standing(view: View) -> Assessment:
    """Nothing is touched: who is there serves on, and all of it is named at once."""
    said = _taking_back(view) if view.status.adopting else _waiting(view)
    phase = Phase.PROGRESSING if view.status.adopting else Phase.DEGRADED
    arms = view.observed.arms.values()
    return Assessment(
        status=view.status,
        phase=phase,
        reason=Reason.UNOWNED,
        message=said,
        desired=DesiredState(counts={arm.revision: arm.wanted for arm in arms if arm.replica_set}),
        conflict=Claim(Truth.TRUE, Reason.UNOWNED, said),
    )


def available(view: View) -> Claim | None:
    """A Service that nobody owns has callers all the same; whom it brings them to is not known."""
    if ChildRef("Service", view.observed.key.name) in view.observed.unowned:
        return Claim(
            Truth.UNKNOWN, Reason.UNOWNED, "the Service has no owner: its traffic is not known"
        )
    if elsewhere(view):
        said = "traffic goes to the pods that the Service selected before it was taken over"
        return Claim(Truth.UNKNOWN, Reason.TAKEN_OVER, said)
    return None


def _waiting(view: View) -> str:
    name, children = view.observed.key.name, view.observed.unowned
    return (
        f"{listed(children)} {_have(children)} the label {DEPLOYMENT_LABEL}={name} and no owner, "
        f"as after a backup was restored: {_effect(view)}; to adopt {_them(children)}, create a "
        "Decision with act Adopt"
    )


def _effect(view: View) -> str:
    if blocks(view):
        return "no rollout or rollback runs, the pods that serve stay"
    return "rollouts continue without"


def _taking_back(view: View) -> str:
    return f"adopting {listed(view.observed.unowned)}, decided by {view.status.adopting}"


def listed(children: Sequence[ChildRef]) -> str:
    """Kinds and names, the first dozen of them."""
    named = ", ".join(f"{child.kind} {child.name}" for child in children[:_NAMED])
    more = len(children) - _NAMED
    return f"{named} and {more} more" if more > 0 else named


def _have(children: Sequence[ChildRef]) -> str:
    return "have" if len(children) > 1 else "has"


def _them(children: Sequence[ChildRef]) -> str:
    return "them" if len(children) > 1 else "it"
