"""Whom callers reach and how many pods stand, in both directions: onwards and back.

A pass takes one step, and every step is safe by itself: the next one may never come.

* Callers move before pods do. They are sent to pods that are available, and pods are taken only
  from a revision that callers do not reach any more, or that the other one can spare.
* ``Only(x)`` is closed: what comes up next gets nobody. ``Everyone`` is open: each ready pod gets
  its share, so no pod of a third revision may be ready. ``Shares`` are whole percents, where a data
  plane splits requests itself.
* ``Room.floor`` available pods answer at any time, ``Room.most`` pods exist at most. Between the
  two ``replicas.step`` grows one arm and shrinks the other; where they meet, the floor wins.
* Back is at once: to stable, as far as stable answers. Only if nobody of stable does, callers stay
  with whoever answers them now.
"""

from dataclasses import replace

from lockstep.api.model_deployment import RollbackSpeed
from lockstep.core.rollout import keeping, ports, strangers
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.proving import proven
from lockstep.core.rollout.replicas import (
    Counts,
    Side,
    carried,
    keepers,
    make_way,
    share,
    step,
)
from lockstep.core.rollout.routing import (
    Everyone,
    Nobody,
    Only,
    Routing,
    Shares,
    reaches,
    share_of,
    split,
)
from lockstep.core.rollout.stages import WHOLE, Step, max_surge, room
from lockstep.core.rollout.view import DesiredState, View


def advance(view: View, stable: Arm, candidate: Arm, step_: Step) -> DesiredState:
    """Move towards the step: callers only to proven and ready pods, capacity never below need."""
    routing, space = onwards(view, stable, candidate, step_), room(view.spec)
    target = _from_nothing(view, stable, candidate, step_.target)
    sides = _side(view, candidate, routing), _side(view, stable, routing)
    serving = next((arm for arm in view.others if routing == Only(arm.revision)), None)
    others = sum(_places(view, arm) for arm in view.others if arm is not serving)
    if serving is None:
        counts, given = step(*sides, target, space, others), {}
    else:
        kept = min(serving.wanted, space.floor)
        others += max(kept, _places(view, serving))
        counts, given = make_way(*sides, target, space, others), {serving.revision: kept}
    asked = {stable.revision: counts.stable, candidate.revision: counts.candidate}
    return DesiredState(counts=asked | given, routing=routing, preview=preview(view, candidate))


def _from_nothing(view: View, stable: Arm, candidate: Arm, target: Counts) -> Counts:
    """Where nothing runs and there may be one place, it is the new revision's.

    So it is without gates: there is nobody whom stable would protect.
    """
    nothing = stable.wanted == 0 and not stable.pods
    first = view.spec.replicas == 1 or view.spec.strategy.rolling is not None
    if nothing and first and candidate.available < target.candidate:
        return Counts(candidate=target.candidate, stable=0)
    return target


def hidden(view: View, candidate: Arm) -> DesiredState:
    """A first revision at full size that nobody reaches but through the preview Service."""
    counts = {candidate.revision: view.spec.replicas}
    return DesiredState(counts=counts, routing=Nobody(), preview=candidate.revision)


def preview(view: View, candidate: Arm) -> str | None:
    """Whom the preview Service reaches: a blue-green's candidate, from its first pod on."""
    return candidate.revision if view.spec.strategy.blue_green else None


def _side(view: View, arm: Arm, routing: Routing) -> Side:
    carried, needed = _carried(view, arm, routing), 0
    if view.weighted:
        most = max(share_of(view.routing, arm.revision), share_of(routing, arm.revision))
        needed = keepers(most, room(view.spec))
    return Side(wanted=arm.wanted, present=_places(view, arm), available=carried, needed=needed)


def _carried(view: View, arm: Arm, routing: Routing) -> int:
    """Available pods that callers reach now and go on reaching; those above its size will go."""
    stays = reaches(view.routing, arm.revision) and reaches(routing, arm.revision)
    return min(arm.available, arm.wanted) if stays else 0


def _places(view: View, arm: Arm) -> int:
    """Pods that count against the surge; without one, a pod holds its place until it is gone."""
    return arm.present if max_surge(view.spec) else len(arm.pods)


def onwards(view: View, stable: Arm, candidate: Arm, step_: Step) -> Routing:
    """Whom callers reach during a trial.

    A candidate that has not passed its smoke test, or has no available pod, is reached by nobody
    new; both arms are reached only once no pod of a third revision, or of somebody else, could be.
    A pod that waits for a readiness gate may be selected: nobody is sent to it until the gate is
    open, and some gates open only for pods that callers' Service selects.
    Where requests are split by weight, a Service of its own leads to each revision.
    """
    if not proven(view):
        return back(view, stable)
    everybody = Only(candidate.revision)
    staying = min(candidate.available, candidate.wanted)
    complete = staying >= step_.target.candidate or view.routing == everybody
    clear = view.routing == everybody or not (stable.ready and strangers.within(view, candidate))
    if step_.weight == WHOLE and candidate.ready and complete and clear:
        return everybody
    if not (step_.shared and ports.fit(view)):
        return _one_of_both(view, stable, candidate)
    if view.weighted:
        return _by_weight(view, stable, candidate, step_.weight) if clear else back(view, stable)
    if _in_the_way(view, stable, candidate) or strangers.beside(view):
        alone = view.routing == everybody and candidate.ready
        unhelped = not stable.ready and candidate.available
        return everybody if alone or unhelped else back(view, stable)
    if view.routing == Everyone() or candidate.available or candidate.held:
        return Everyone()
    return back(view, stable)


def _by_weight(view: View, stable: Arm, candidate: Arm, weight: int) -> Routing:
    """As many requests as the step says and the candidate's pods carry.

    Where the pods of both carry less than there is, each revision gets what its pods are worth.
    """
    ours, theirs = _lasting_available(candidate), _lasting_available(stable)
    if not ours:
        return back(view, stable)
    everybody = Only(candidate.revision)
    if not stable.ready or (view.routing == everybody and not theirs):
        return everybody
    worth = share(Counts(candidate=ours, stable=theirs))
    percent = min(weight, max(carried(ours, room(view.spec)), worth))
    return split({stable.revision: WHOLE - percent, candidate.revision: percent})


def _handed_back_by_weight(view: View, stable: Arm, left: Arm) -> Routing:
    """Stable gets what its pods carry, and never less than it has."""
    ours, theirs = _lasting_available(stable), _lasting_available(left)
    if not (ours and theirs):
        return back(view, stable)
    worth = share(Counts(candidate=ours, stable=theirs))
    most = WHOLE - max(carried(ours, room(view.spec)), worth)
    percent = min(share_of(view.routing, left.revision), most)
    return split({stable.revision: WHOLE - percent, left.revision: percent})


def _lasting_available(arm: Arm) -> int:
    """Available pods that are asked for; the others are about to go."""
    return min(arm.available, arm.wanted)


def _one_of_both(view: View, stable: Arm, candidate: Arm) -> Routing:
    """Callers are not to be split; who finds them split already takes no pod from them for it."""
    if _stands_in(view, stable, candidate):
        return Only(candidate.revision)
    routing = view.routing
    clear = not (_in_the_way(view, stable, candidate) or strangers.beside(view))
    split_already = routing == Everyone() and clear and ports.fit(view)
    if isinstance(routing, Shares) and ports.fit(view):
        return _handed_back_by_weight(view, stable, candidate)
    if split_already and stable.available < view.spec.replicas:
        return Everyone()
    return back(view, stable)


def _in_the_way(view: View, *serving: Arm) -> bool:
    """Whether an open Service would send somebody to another revision than those of ``serving``.

    As EndpointSlices have it, a pod on its way out gets nobody new while others are ready.
    """
    mine = {arm.revision for arm in serving}
    third = [arm for arm in view.observed.arms.values() if arm.revision not in mine]
    alone = not any(arm.ready for arm in serving)
    return any(arm.ready or (alone and arm.reachable) for arm in third)


def _stands_in(view: View, stable: Arm, candidate: Arm) -> bool:
    """Whether a candidate serves that should not: until stable has as many pods for its callers."""
    service = view.observed.service
    ours = service is not None and not service.drifted
    if ours and view.routing == Only(candidate.revision) and candidate.ready:
        return stable.available < min(candidate.available, view.spec.replicas)
    return candidate.ready > 0 and not stable.ready


def back(view: View, stable: Arm) -> Routing:
    """Everybody to stable, at once; but nobody is taken from the only pods that answer.

    Those are then named: an open Service would let callers reach whatever comes up next.
    """
    if _lasting(stable):
        return Only(stable.revision)
    arms = view.observed.arms.values()
    answering = [arm for arm in arms if arm.ready and reaches(view.routing, arm.revision)]
    return Only(max(answering, key=_lasting, default=stable).revision)


def _lasting(arm: Arm) -> int:
    """Pods that answer and are asked for; the others are about to go."""
    return min(arm.ready, arm.wanted)


def serve(view: View) -> DesiredState:
    """Nothing is on trial: stable at full size for everybody, beside what is kept of a failure."""
    stable = view.stable
    if stable is None:
        nobody = Nobody() if view.routing is not None else None
        return DesiredState(counts=_kept_failed(view), routing=nobody)
    if view.status.leaving:
        return handed_back(view, stable, view.observed.arm(view.status.leaving.revision))
    paced = _paced_return(view, stable)
    if paced is not None:
        return paced
    routing = back(view, stable)
    if routing != Only(stable.revision):
        return _replacing(view, stable, routing)
    counts = {stable.revision: view.spec.replicas, **_kept_failed(view), **_kept(view)}
    return DesiredState(counts=counts, routing=routing)


def _replacing(view: View, stable: Arm, routing: Routing) -> DesiredState:
    """Stable comes up in the places that whoever serves in its stead leaves or gives up."""
    arms = view.observed.arms.values()
    serving = next(arm for arm in arms if reaches(routing, arm.revision))
    return DesiredState(counts=_returning(view, stable, serving, routing), routing=routing)


def _returning(
    view: View, stable: Arm, serving: Arm, routing: Routing, kept: int = 0
) -> dict[str, int]:
    space = replace(room(view.spec), keep=False)
    target = Counts(candidate=kept, stable=view.spec.replicas)
    named = {stable.revision, serving.revision}
    arms = view.observed.arms.values()
    others = sum(_places(view, arm) for arm in arms if arm.revision not in named)
    sides = _side(view, serving, routing), _side(view, stable, routing)
    counts = step(*sides, target, space, others)
    return {stable.revision: counts.stable, serving.revision: counts.candidate}


def _kept_failed(view: View) -> dict[str, int]:
    """Pods of the rejected revision that stay for a look, within the surge, out of reach."""
    rejected = view.status.rejected
    end = keeping.until(view, rejected) if rejected else None
    if rejected is None or end is None or view.now >= end:
        return {}
    arm = view.observed.arm(rejected.revision)
    kept = min(arm.wanted, max_surge(view.spec)) if view.stable else arm.wanted
    return {arm.revision: kept} if kept else {}


def _kept(view: View) -> dict[str, int]:
    """The revision before stable keeps all its pods for an instant return."""
    kept = view.status.kept
    if kept is None:
        return {}
    arm = view.observed.arm(kept.revision)
    return {kept.revision: view.spec.replicas} if arm.replica_set else {}


def _paced_return(view: View, stable: Arm) -> DesiredState | None:
    """The way back where it is paced; None where nobody reaches what was rejected any more."""
    rejected = view.status.rejected
    if rejected is None or view.spec.rollback.speed is not RollbackSpeed.PACED:
        return None
    if not reaches(view.routing, rejected.revision):
        return None
    failed = view.observed.arm(rejected.revision)
    looked_at = min(failed.wanted, max_surge(view.spec)) if view.spec.rollback.keep_failed else 0
    return handed_back(view, stable, failed, looked_at)


def handed_back(view: View, stable: Arm, left: Arm, kept: int = 0) -> DesiredState:
    """The share follows stable's ready pods; the last step closes the Service to whom is left.

    Where callers are not split, in a blue-green or between ports, all of them go with that step;
    at another port they leave at once what has failed.
    """
    healthy = view.status.leaving is not None
    at_once = view.spec.strategy.blue_green is not None or (healthy and not ports.fit(view))
    if stable.available >= view.spec.replicas:
        routing: Routing = Only(stable.revision)
    elif at_once and view.routing == Only(left.revision) and left.ready:
        routing = Only(left.revision)
    else:
        routing = _shared(view, stable, left)
    return DesiredState(counts=_returning(view, stable, left, routing, kept), routing=routing)


def _shared(view: View, stable: Arm, failed: Arm) -> Routing:
    """Both arms, once stable answers and nobody could meet a third revision, or miss a port."""
    if view.weighted:
        fit = ports.fit(view)
        return _handed_back_by_weight(view, stable, failed) if fit else back(view, stable)
    third = _in_the_way(view, stable, failed) or bool(strangers.beside(view))
    if third and view.routing == Only(failed.revision) and failed.ready:
        return Only(failed.revision)
    both = stable.ready and not third and ports.fit(view)
    return Everyone() if both else back(view, stable)
