"""A data plane that splits by weight: what has to be there before a share goes, and stay after it.

It takes in what it is told when it comes to it. Until it has confirmed that, callers may be where
they were, so that nothing is taken from any revision; who is to get a share has its Service before.
"""

from collections.abc import Iterator
from dataclasses import replace

from lockstep.api.service import alike
from lockstep.core.rollout import ports
from lockstep.core.rollout.actions import PutArmService, RemoveArmService
from lockstep.core.rollout.replicas import Counts
from lockstep.core.rollout.routing import Routing, reaches
from lockstep.core.rollout.stages import room
from lockstep.core.rollout.view import Assessment, View


def held(view: View, assessment: Assessment) -> Assessment:
    """The assessment, which takes no pod away before the data plane has confirmed whom it reaches.

    What grows meanwhile grows into places that are free.
    """
    if not _unconfirmed(view, assessment.desired.routing):
        return assessment
    counts, arms = dict(assessment.desired.counts), view.observed.arms.values()
    standing = {arm.revision: arm.wanted for arm in arms if arm.replica_set}
    kept = {name: wanted for name, wanted in standing.items() if counts.get(name, 0) < wanted}
    if not kept:
        return assessment
    free = room(view.spec).most(Counts(candidate=0, stable=view.spec.replicas))
    free -= sum(standing.values())
    for name, count in counts.items():
        wanted = standing.get(name, 0)
        counts[name] = min(count, wanted + max(0, free))
        free -= max(0, counts[name] - wanted)
    return replace(assessment, desired=replace(assessment.desired, counts=counts | kept))


def _unconfirmed(view: View, desired: Routing | None) -> bool:
    return view.pending or (desired is not None and desired != view.routing)


def opened(view: View, assessment: Assessment) -> Iterator[PutArmService]:
    """Services of the revisions that have pods, or a share: they come before any route to them."""
    routing = assessment.desired.routing or view.routing
    standing = {it.revision: it for it in view.observed.arm_services}
    for revision in _known(view, assessment):
        if not (assessment.desired.counts.get(revision) or reaches(routing, revision)):
            continue
        known, offered = standing.get(revision), ports.of(view, revision)
        if known is None or known.drifted or not alike(offered, known.ports):
            yield PutArmService(
                revision=revision,
                ports=offered,
                exists=known is not None,
                service=view.spec.service,
            )


def _known(view: View, assessment: Assessment) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*assessment.desired.counts, *view.observed.arms]))


def closed(view: View, assessment: Assessment) -> Iterator[RemoveArmService]:
    """Services that no request is sent to any more, once the data plane has confirmed that."""
    if _unconfirmed(view, assessment.desired.routing):
        return
    for service in view.observed.arm_services:
        counted = assessment.desired.counts.get(service.revision)
        if not (counted or reaches(view.routing, service.revision)):
            yield RemoveArmService(service.revision)
