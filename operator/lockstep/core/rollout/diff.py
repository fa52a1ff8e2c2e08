"""What is missing between the desired state and what stands: a plan's actions, in their order.

Level, not edge: an action is there for as long as what it brings about is not. A pass
that finds everything as it should be plans none.
"""

from collections.abc import Iterator

from lockstep.api.service import alike
from lockstep.core.rollout import (
    adoption,
    approving,
    config,
    deciding,
    ports,
    rebuilding,
    rerouting,
    restart,
    revision,
    settling,
    upkeep,
)
from lockstep.core.rollout.actions import (
    Action,
    PruneRevision,
    PutReplicaSet,
    RemovePreview,
    RemoveReplicaSet,
    SetPreview,
    SetTraffic,
    StoreRevision,
)
from lockstep.core.rollout.asking import template
from lockstep.core.rollout.observed import ChildReplicaSet
from lockstep.core.rollout.routing import Nobody, Only, Routing, reaches
from lockstep.core.rollout.view import Assessment, View


def actions(view: View, assessment: Assessment) -> Iterator[Action]:
    """Callers are moved first; pods that nobody reaches then give up their places to new ones.

    Pods that callers reach go last, once those that take over have been asked for.
    """
    routing = assessment.desired.routing or view.routing
    puts = [
        put for name, count in assessment.desired.counts.items() if (put := _put(view, name, count))
    ]
    yield from _revisions(view, assessment)
    yield from config.actions(view, assessment)
    yield from ports.notes(view, assessment.status)
    yield from _callers(view, assessment)
    yield from _preview(view, assessment.desired.preview)
    yield from _removals(view, assessment, routing)
    yield from sorted(puts, key=lambda put: _turn(view, put, routing))
    yield from _prune(view, assessment)
    yield from upkeep.actions(view, assessment)
    yield from deciding.answers(view.observed, assessment.status)
    yield from deciding.refusals(view)
    yield from _replaced(view, assessment)


def _replaced(view: View, assessment: Assessment) -> Iterator[Action]:
    """Pods that a restart takes; those that answer stay while nodes may not hear of others."""
    stays = settling.ends(view) is not None
    answering = {it.uid for arm in view.observed.arms.values() for it in arm.pods if it.ready}
    for removal in restart.removals(view, assessment.desired.counts):
        if not (stays and removal.uid in answering):
            yield removal


def _removals(
    view: View, assessment: Assessment, routing: Routing | None
) -> Iterator[RemoveReplicaSet]:
    for arm in view.observed.arms.values():
        child = arm.replica_set
        unwanted = arm.revision not in assessment.desired.counts and not reaches(
            routing, arm.revision
        )
        if child and unwanted and not child.terminating:
            yield RemoveReplicaSet(arm.revision)


def _turn(view: View, put: PutReplicaSet, routing: Routing | None) -> int:
    if put.replicas >= view.observed.arm(put.revision).wanted:
        return 1
    return 2 if reaches(routing, put.revision) else 0


def _revisions(view: View, assessment: Assessment) -> Iterator[StoreRevision]:
    if adoption.blocks(view):
        return
    wanted, stable = view.wanted, assessment.status.stable
    number = max((it.number for it in view.observed.stored), default=0) + 1
    if wanted.revision in assessment.desired.counts and wanted.stored is None:
        yield StoreRevision(
            revision=wanted.revision,
            scheme=revision.SCHEME,
            number=number,
            inputs=wanted.inputs,
            template=template(view, wanted.revision) or {},
            authors=tuple(sorted(approving.authors(view).people)),
            ports=ports.stored(view),
        )
    elif stable and stable.revision != wanted.revision:
        yield from rebuilding.lost(view, stable, number)


def _put(view: View, name: str, count: int) -> PutReplicaSet | None:
    arm, rendered = view.observed.arm(name), template(view, name)
    child, surplus = arm.replica_set, restart.surplus(view, arm, count)
    if child and settling.ends(view):
        surplus = max(surplus, child.surplus)
    settled = _stands(child, count, surplus) if child else count == 0
    if settled or rendered is None or (child and child.terminating):
        return None
    return PutReplicaSet(
        revision=name,
        replicas=count,
        template=rendered,
        min_ready_seconds=view.spec.min_ready_seconds,
        exists=child is not None,
        surplus=surplus,
        edited=restart.edited(view, arm),
    )


def _stands(child: ChildReplicaSet, count: int, surplus: int) -> bool:
    return (child.replicas, child.surplus) == (count, surplus) and not child.drifted


def _callers(view: View, assessment: Assessment) -> Iterator[Action]:
    """Where requests are split by weight, Services of single revisions come before and go after."""
    if not view.weighted:
        yield from _traffic(view, assessment.desired.routing)
        return
    yield from rerouting.opened(view, assessment)
    yield from _traffic(view, assessment.desired.routing)
    yield from rerouting.closed(view, assessment)


def _traffic(view: View, routing: Routing | None) -> Iterator[SetTraffic]:
    service = view.observed.service
    if routing is None or (routing == Nobody() and adoption.elsewhere(view)):
        return
    there = service is not None and service.routing == routing and not service.unfinished
    if there and service and not service.drifted and not ports.drifted(view, routing):
        return
    yield SetTraffic(
        routing=routing,
        ports=ports.offered(view, routing),
        exists=service is not None,
        service=view.spec.service,
    )


def _preview(view: View, revision: str | None) -> Iterator[SetPreview | RemovePreview]:
    preview = view.observed.preview
    if revision is None:
        if preview:
            yield RemovePreview()
        return
    offered = ports.of(view, revision)
    there = preview is not None and preview.routing == Only(revision)
    if there and preview and not preview.drifted and alike(offered, preview.ports):
        return
    yield SetPreview(
        revision=revision,
        ports=offered,
        exists=preview is not None,
        service=view.spec.service,
    )


def _prune(view: View, assessment: Assessment) -> Iterator[PruneRevision]:
    """Old revisions beyond the limit go, oldest first; those that status names stay."""
    status = assessment.status
    kept = (status.stable, status.candidate, status.rejected, status.kept, status.leaving)
    named = {it.revision for it in kept if it}
    named |= {view.wanted.revision, *assessment.desired.counts}
    if status.candidate is not None:
        return
    old = sorted(
        (it for it in view.observed.stored if it.revision not in named), key=lambda it: it.number
    )
    for stored in old[: max(0, len(old) - view.spec.revision_history_limit)]:
        yield PruneRevision(stored.name)
