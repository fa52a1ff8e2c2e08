"""The status brought up to what the spec asks for now: what a pass starts from.

What was lost is found again, what was taken back is cleared, and a trial that nobody wants any more
ends. The order matters: each step reads what those before it have left.
"""

from datetime import datetime

from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.model_deployment_status import RevisionStatus
from lockstep.core.last import of_last
from lockstep.core.rollout import (
    adoption,
    causes,
    clocks,
    config,
    deciding,
    keeping,
    leaving,
    outcome,
    ports,
    proving,
    returns,
)
from lockstep.core.rollout.observed import Observed
from lockstep.core.rollout.routing import Only, reaches
from lockstep.core.rollout.view import View


@of_last
def view_of(observed: Observed, spec: ModelDeploymentSpec, now: datetime) -> View:
    """The facts, with the status brought up to what the spec asks for now."""
    view = View(
        observed=observed,
        spec=spec,
        wanted=returns.wanted(observed, spec),
        status=clocks.healed(observed.status, now),
        now=now,
    )
    known = keeping.old(adoption.ended(_recovered(causes.told(view))))
    kept = keeping.failed(_rejection_cleared(known), view.routing)
    recalled = leaving.updated(_recalled(kept))
    return ports.renewed(deciding.with_decisions(recalled))


def _recovered(view: View) -> View:
    """A lost status is rebuilt from the children: stable is the oldest whom callers reach."""
    status = view.status
    blank = status.phase is None or (status.adopting and not view.observed.unowned)
    nothing_known = blank and not (status.stable or status.candidate)
    if not (nothing_known or _unheard_of(view)):
        return view
    arms = view.observed.arms.values()
    serving = {
        arm.revision for arm in arms if arm.replica_set and reaches(view.routing, arm.revision)
    }
    stored = (revision for revision in view.observed.stored if revision.revision in serving)
    known = min(stored, key=lambda revision: revision.number, default=None)
    if known is None:
        return view
    image = known.template["spec"]["containers"][0].get("image", "")
    stable = RevisionStatus(
        revision=known.revision,
        version=known.inputs["version"],
        image=image,
        artifact=known.inputs.get("artifact", ""),
        smoke_tested=True,
    )
    return view.with_status(stable=stable)


def _unheard_of(view: View) -> bool:
    """Whether stable is a revision of which there is no trace: somebody else wrote the status."""
    stable, observed = view.status.stable, view.observed
    if stable is None or stable.revision == view.wanted.revision or observed.unowned:
        return False
    known = {it.revision for it in observed.stored} | observed.arms.keys()
    return stable.revision not in known


def _rejection_cleared(view: View) -> View:
    """A rejection holds until the digest, ``retry`` or what it was judged by changes."""
    rejected = view.status.rejected
    if rejected is None:
        return view
    asked = rejected.revision in {view.wanted.revision, config.described(view)}
    alike = rejected.judged_by in {None, proving.judged_by(view.spec)}
    holds = asked and alike and rejected.retry == view.spec.retry
    return view if holds else view.with_status(rejected=None)


def _recalled(view: View) -> View:
    """End a trial that the spec no longer asks for; begin its stage anew when asked to retry."""
    candidate = view.status.candidate
    if candidate is None:
        return view
    if candidate.revision != view.wanted.revision:
        return outcome.dropped(_kept_serving(view, candidate), candidate)
    if candidate.retry != view.spec.retry:
        return outcome.again(view, candidate)
    return view


def _kept_serving(view: View, candidate: RevisionStatus) -> View:
    """A first revision that already has callers is what the next one has to beat."""
    serving = view.status.stable is None and view.routing == Only(candidate.revision)
    proven = serving and candidate.smoke_tested
    return view.with_status(stable=outcome.completed(candidate)) if proven else view
