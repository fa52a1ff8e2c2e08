"""A plan carried out in an Observed, with the rest of the world standing still. Pure."""

from dataclasses import replace

from lockstep.core.names import deployment_name
from lockstep.core.observed import (
    Arm,
    CallerService,
    ChildDeployment,
    Observed,
    Only,
    StoredRevision,
)
from lockstep.core.plan import (
    Action,
    Plan,
    PruneRevision,
    PutDeployment,
    RemoveDeployment,
    RemovePreview,
    SetPreview,
    SetTraffic,
    StoreRevision,
)


def obey(observed: Observed, plan: Plan) -> Observed:
    """What the next pass sees if nothing but the plan happens."""
    after = replace(observed, status=plan.status)
    for action in plan.actions:
        after = carried_out(after, action)
    return after


def carried_out(observed: Observed, action: Action) -> Observed:
    """The world right after one action: pods have not noticed yet."""
    match action:
        case StoreRevision():
            return replace(observed, stored=(*observed.stored, _stored(observed, action)))
        case PutDeployment():
            return _with(
                observed, replace(_arm(observed, action), deployment=_put(observed, action))
            )
        case RemoveDeployment(revision):
            return _with(observed, replace(observed.arm(revision), deployment=None))
        case SetTraffic(routing=routing):
            uid = observed.service.uid if observed.service else "s"
            return replace(observed, service=CallerService(uid=uid, routing=routing))
        case SetPreview(revision=revision):
            uid = observed.preview.uid if observed.preview else "v"
            preview = CallerService(uid=uid, routing=Only(revision))
            return replace(observed, preview=preview)
        case RemovePreview():
            return replace(observed, preview=None)
        case PruneRevision(name):
            left = tuple(it for it in observed.stored if it.name != name)
            return replace(observed, stored=left)


def _stored(observed: Observed, action: StoreRevision) -> StoredRevision:
    return StoredRevision(
        name=deployment_name(observed.key.name, action.revision),
        revision=action.revision,
        scheme=action.scheme,
        number=action.number,
        inputs=action.inputs,
        template=action.template,
    )


def _arm(observed: Observed, action: PutDeployment) -> Arm:
    return observed.arm(action.revision)


def _put(observed: Observed, action: PutDeployment) -> ChildDeployment:
    before = observed.arm(action.revision).deployment
    fresh = before or ChildDeployment(
        name=deployment_name(observed.key.name, action.revision),
        uid=f"d-{action.revision}",
        revision=action.revision,
        replicas=0,
    )
    return replace(fresh, replicas=action.replicas, drifted=False)


def _with(observed: Observed, arm: Arm) -> Observed:
    return replace(observed, arms={**observed.arms, arm.revision: arm})
