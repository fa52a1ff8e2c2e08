"""Pods that stay although nobody calls them: until when, told from since when and from the spec.

Status holds both. The first is what counts, so that an edited spec takes effect at once; a status
of an operator that kept only the second is read as it was meant.
"""

from datetime import datetime

from lockstep.api.changes import changed
from lockstep.api.history import Became
from lockstep.api.model_deployment_status import Kept, Rejection
from lockstep.core.rollout import settling
from lockstep.core.rollout.routing import Routing, reaches
from lockstep.core.rollout.view import View


def until(view: View, rejected: Rejection) -> datetime | None:
    """How long pods of a failed candidate stay; None while callers may meet them."""
    since = rejected.unreached_at or (rejected.at if rejected.keep_until else None)
    if since is None:
        return None
    end = since + view.spec.rollback.keep_failed
    return max(end, settling.unheard(view, since) or end)


def failed(view: View, routing: Routing | None) -> View:
    """Note since when nobody reaches the failed candidate, once ``routing`` leads to it no more."""
    rejected = view.status.rejected
    if rejected is None:
        return view
    unreached = rejected.unreached_at
    if rejected.keep_until is None and not reaches(routing, rejected.revision):
        unreached = unreached or view.now
    noted = changed(rejected, unreached_at=unreached)
    end = changed(noted, keep_until=until(view, noted))
    return view if end == rejected else view.with_status(rejected=end)


def old(view: View) -> View:
    """What was stable before a blue-green's switch keeps its pods as long as the spec says now."""
    kept, strategy = view.status.kept, view.spec.strategy.blue_green
    if kept is None:
        return view
    if strategy is None:
        return view.with_status(kept=None)
    since = kept.since or _completed_at(view)
    end = since + strategy.keep_old if since else kept.until
    if view.now >= end:
        return view.with_status(kept=None)
    return view if end == kept.until else view.with_status(kept=_ending(kept, end))


def _ending(kept: Kept, at: datetime) -> Kept:
    return changed(kept, until=at)


def _completed_at(view: View) -> datetime | None:
    """When stable was completed, as history has it."""
    stable = view.status.stable
    lines = (it for it in reversed(view.status.history) if it.outcome == Became.PROMOTED)
    return next((it.at for it in lines if stable and it.revision == stable.revision), None)
