"""Coming back to a revision that was completed before: which one, and whether without stages.

Nothing here moves callers: a return is a trial of one step, see ``stages.steps``.
"""

from lockstep.api.changes import changed
from lockstep.api.condition import Truth
from lockstep.api.conditions import Reason
from lockstep.api.history import Became
from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.model_deployment_status import Past, RevisionStatus
from lockstep.core.conditions import Claim
from lockstep.core.rollout import config, messages
from lockstep.core.rollout.observed import Observed
from lockstep.core.rollout.revision import Wanted
from lockstep.core.rollout.stages import RETURNED
from lockstep.core.rollout.view import View


def wanted(observed: Observed, spec: ModelDeploymentSpec) -> Wanted:
    """The revision to be at: ``rollbackTo``'s while it names one, else the template's.

    While it names one that is not there, nobody knows what is wanted: it stays as it is.
    """
    stored = {it.revision: it for it in observed.stored}
    found = next((stored[it] for it in _named(observed, spec) if it in stored), None)
    if found is None:
        return config.written(observed, spec)
    return Wanted(found.revision, found.inputs, found)


def _named(observed: Observed, spec: ModelDeploymentSpec) -> tuple[str, ...]:
    if not spec.rollback_to:
        return ()
    status = observed.status
    present = tuple(it.revision for it in (status.candidate, status.stable) if it)
    return (spec.rollback_to, *present)


def problem(view: View) -> Claim | None:
    """``rollbackTo`` names nothing: which one, and which there are."""
    if not view.unknown_target:
        return None
    known = sorted(view.observed.stored, key=lambda it: it.number, reverse=True)
    message = messages.target_missing(view.spec.rollback_to, known)
    return Claim(Truth.FALSE, Reason.ROLLBACK_TARGET_MISSING, message)


def described(view: View) -> RevisionStatus:
    """The wanted revision as a candidate; one that may return has no stages before it.

    Pods that were kept since they last served have shown that they can.
    """
    proven = _is_kept(view) and view.observed.arm(view.wanted.revision).ready > 0
    return changed(view.describe(), ungated=why(view), smoke_tested=proven)


def why(view: View) -> str:
    """Returned: the wanted revision goes through no stages again; empty: it does.

    Only the way back is free: a revision that is younger than stable was left for a reason.
    """
    back = is_older(view, view.wanted.revision) and (_is_kept(view) or _is_inside(view))
    return RETURNED if back else ""


def is_older(view: View, revision: str) -> bool:
    """Whether a known revision was made before stable."""
    return revision in _older(view)


def _older(view: View) -> set[str]:
    """The known revisions that were made before stable."""
    stable, stored = view.status.stable, view.observed.stored
    own = next((it.number for it in stored if stable and it.revision == stable.revision), 0)
    return {it.revision for it in stored if it.number < own}


def _is_kept(view: View) -> bool:
    kept = view.status.kept
    return kept is not None and kept.revision == view.wanted.revision


def _is_inside(view: View) -> bool:
    """Whether ``rollbackWindow`` reaches back to it, by number and by age of its completion."""
    window = view.spec.rollback_window
    if window is None:
        return False
    before = _completed(view)[: window.revisions]
    return any(
        it.revision == view.wanted.revision and view.now <= it.at + window.max_age for it in before
    )


def _completed(view: View) -> list[Past]:
    """The last completion of each revision older than stable, newest first.

    What failed after it was completed has to prove itself again.
    """
    last: dict[str, Past] = {}
    for line in reversed(view.status.history):
        if line.outcome in {Became.PROMOTED, Became.ROLLED_BACK}:
            last.setdefault(line.revision, line)
    older = _older(view)
    return [it for it in last.values() if it.outcome == Became.PROMOTED and it.revision in older]
