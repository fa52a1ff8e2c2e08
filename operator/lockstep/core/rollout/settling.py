"""After an outage of the API server: what serves stays until every node has heard what changed.

Whoever watches asks again with waits that double, and kube-proxy is no exception (client-go: from
0.8 s to 30 s, each up to twice as long by chance). Who came back first must not take away the pods
that the others still send callers to; ``drain`` bridges a second or two, not a minute.

There are two states. Before ``settled(outage)`` pods that answer, and that some node may still send
callers to, are neither scaled away nor replaced, and no stage ends; new pods and new weights are as
ever, for they take nothing away. After it nothing of this applies. One thing is exempt: what was
rejected goes at once, since stable needs its places.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from lockstep.api.condition import Truth
from lockstep.api.conditions import Reason
from lockstep.api.durations import format_duration
from lockstep.api.history import Became
from lockstep.core.conditions import Claim
from lockstep.core.facts import Outage
from lockstep.core.moments import clock
from lockstep.core.rollout import restart
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.routing import reaches
from lockstep.core.rollout.view import Assessment, View

TIMES: Final = 3
"""Waits that double end at most twice the outage after it; the third is for hearing of it all."""

LONGEST: Final = timedelta(seconds=90)
"""The longest wait is a minute; callers were refused up to 80 s after an outage of 30 s."""

_UNHEARD: Final = timedelta(seconds=5)
"""What was written so shortly before an outage may not have been heard either."""


def settled(outage: Outage) -> datetime:
    """When all others will have heard what was written around ``outage``; a status has seconds."""
    end = outage.over + min(outage.lasted * TIMES, LONGEST)
    return end if end.microsecond == 0 else end.replace(microsecond=0) + timedelta(seconds=1)


def ends(view: View) -> datetime | None:
    """Until when nothing that serves is taken away; None when nothing stands against it."""
    outage = view.observed.outage
    end = settled(outage) if outage else None
    return end if end and view.now < end else None


def unheard(view: View, since: datetime) -> datetime | None:
    """Until when nodes may send callers to pods that left the Service at ``since``."""
    outage = view.observed.outage
    if outage is None:
        return None
    end = settled(outage)
    return end if outage.over - outage.lasted - _UNHEARD <= since < end else None


def wait(view: View) -> timedelta | None:
    end = ends(view)
    return end - view.now if end else None


def why(view: View) -> str:
    """Why a stage that has passed does not end yet; empty when nothing stands against it."""
    end, outage = ends(view), view.observed.outage
    if end is None or outage is None:
        return ""
    return (
        f"the API server did not answer for {format_duration(_whole(outage.lasted))} until "
        f"{clock(outage.over, view.now)}; nodes may apply changes as late as "
        f"{clock(end, view.now)}; until then no serving pod is removed and no stage ends"
    )


def _whole(lasted: timedelta) -> timedelta:
    return timedelta(seconds=max(1, round(lasted.total_seconds())))


def told(view: View, assessment: Assessment) -> Assessment:
    """The assessment, which takes nothing away that callers may still be sent to.

    What was rejected goes as ``spec.rollback`` says: stable gets its places at once.
    """
    if ends(view) is None:
        return assessment
    rejected = assessment.status.rejected
    kept = {
        arm.revision: arm.answering
        for arm in view.observed.arms.values()
        if not (rejected and rejected.revision == arm.revision) and _serves(view, arm)
    }
    counts = assessment.desired.counts
    held = {
        revision: min(answering, view.observed.arm(revision).wanted)
        for revision, answering in kept.items()
        if counts.get(revision, 0) < min(answering, view.observed.arm(revision).wanted)
    }
    if not held and not any(_restarted(view)):
        return assessment
    claim = Claim(Truth.TRUE, Reason.API_SERVER_WAS_AWAY, why(view))
    return replace(
        assessment, desired=replace(assessment.desired, counts={**counts, **held}), settling=claim
    )


def _serves(view: View, arm: Arm) -> bool:
    """Whether callers of some node may be sent to it: the Service selects it, or did so once."""
    completed = {it.revision for it in view.status.history if it.outcome == Became.PROMOTED}
    return reaches(view.routing, arm.revision) or arm.revision in completed


def _restarted(view: View) -> Iterator[bool]:
    for arm in view.observed.arms.values():
        yield any(pod.ready for pod in restart.outdated(view, arm))
