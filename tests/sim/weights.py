"""What is promised where a data plane splits requests by weight, each with its sentence.

Each revision carries its own share then; what the other one has to spare helps nobody.
"""

from lockstep.core.rollout.actions import (
    Action,
    PutReplicaSet,
    RemoveArmService,
    RemoveReplicaSet,
    SetTraffic,
)
from lockstep.core.rollout.observed import Observed
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.replicas import carriers, keepers
from lockstep.core.rollout.routing import Shares, reaches, share_of
from lockstep.core.rollout.stages import room, steps
from tests.sim.obey import carried_out, is_weighted
from tests.sim.promises import Standing, keep, routing_of, spec_of


def a_share_goes_only_to_pods_that_carry_it(
    before: Observed, decided: Plan, action: Action
) -> None:
    """Who gets more requests has available pods for them; or both have too few, and share that."""
    del decided
    if not isinstance(action, SetTraffic) or not isinstance(action.routing, Shares):
        return
    space, now = room(spec_of(before)), routing_of(before)
    for revision, percent in action.routing.percent:
        arm = before.arm(revision)
        able = min(arm.available, arm.wanted)
        ready = min(arm.ready, arm.wanted)
        keep("no traffic goes to an arm without ready pods", ready, f"{percent}% to {revision}")
        others = [before.arm(it) for it, _ in action.routing.percent if it != revision]
        short = any(
            min(it.available, it.wanted) < carriers(share_of(now, it.revision), space)
            for it in others
        )
        enough = able >= carriers(percent, space)
        more = percent > share_of(now, revision)
        keep(
            "a share goes only to pods that carry it",
            enough or short or not more,
            f"{percent}% to {able} available pods of {revision}",
        )


def every_arm_keeps_what_its_share_takes(before: Observed, decided: Plan, action: Action) -> None:
    """An arm shrinks to no less than its share takes, and not at all before that is confirmed."""
    del decided
    if not isinstance(action, PutReplicaSet | RemoveReplicaSet) or before.service is None:
        return
    was = before.arm(action.revision).wanted
    becomes = carried_out(before, action).arm(action.revision).wanted
    share = share_of(before.service.routing, action.revision)
    least = was if before.service.pending else keepers(share, room(spec_of(before)))
    keep(
        "an arm keeps the pods that its share takes",
        becomes >= min(was, least),
        f"{becomes} of {was} pods of {action.revision}, which has {share}%",
    )


def a_route_leads_to_a_service(before: Observed, decided: Plan, action: Action) -> None:
    """The Service of an arm is there before requests are sent to it, and until none are."""
    del decided
    there = {it.revision for it in before.arm_services}
    if isinstance(action, SetTraffic):
        led = {it for it in before.arms if reaches(action.routing, it)}
        keep("a route leads to a Service", led <= there, f"{action.routing}, {sorted(there)}")
    if isinstance(action, RemoveArmService) and before.service:
        met = before.service.pending or reaches(before.service.routing, action.revision)
        keep("no Service goes that requests are sent to", not met, action.revision)


OF_ACTIONS = (
    a_share_goes_only_to_pods_that_carry_it,
    every_arm_keeps_what_its_share_takes,
    a_route_leads_to_a_service,
)


def of_actions(before: Observed, decided: Plan, action: Action) -> None:
    """All of them, where requests are split by weight."""
    if is_weighted(before):
        for promise in OF_ACTIONS:
            promise(before, decided, action)


def the_stage_is_not_exceeded(now: Standing) -> None:
    """The data plane sends the candidate no more requests than its stage says."""
    candidate, stage = now.status.candidate, now.status.stage
    if not (candidate and stage and isinstance(now.routing, Shares)) or now.edited:
        return
    step = steps(now.spec, candidate)[stage.index]
    share, most = share_of(now.routing, candidate.revision), max(step.weight, step.down_from)
    keep("no more requests than the stage says", share <= most, f"{share}%, not {most}%")


def nobody_is_led_to_nothing(now: Standing, services: frozenset[str]) -> None:
    """Wherever the data plane leads, a Service is there and pods are asked for.

    Somebody may have deleted the ReplicaSet: it is made anew.
    """
    if now.edited or room(now.spec).floor == 0:
        return
    for revision, arm in now.arms.items():
        if reaches(now.routing, revision):
            led = f"{now.routing}: {arm.wanted} pods, Services of {sorted(services)}"
            asked = arm.wanted or arm.replica_set is None
            keep("nobody is led to nothing", asked and revision in services, led)


def of_moments(now: Standing, services: frozenset[str]) -> None:
    """Both of them, where requests are split by weight."""
    if now.spec.traffic_method.weighted:
        the_stage_is_not_exceeded(now)
        nobody_is_led_to_nothing(now, services)
