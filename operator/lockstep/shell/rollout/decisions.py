"""Decisions in the shell: who waits for an answer, and the answer. What they do is core's."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from lockstep.adapters.kubernetes import decisions
from lockstep.api.decision import PLURAL
from lockstep.api.model_deployment_status import Outcome
from lockstep.clients.kubernetes.api import Kube
from lockstep.core.facts import Unreadable
from lockstep.core.key import Key
from lockstep.core.rollout.actions import AnswerDecision
from lockstep.core.rollout.observed import Decided
from lockstep.shell.watch.caches import Caches

_LOG: Final = logging.getLogger(__name__)

APPLIED_TOGETHER: Final = timedelta(seconds=5)
"""A Decision may be seen before its target: they come by different watches."""


def waiting(caches: Caches, of: Key) -> tuple[Decided, ...]:
    """The Decisions about a ModelDeployment without an answer, in the order they are taken."""
    found = (
        record.decided
        for record in caches.decisions.children(of)
        if record.decided.outcome is None and not record.meta.terminating
    )
    return tuple(sorted(found, key=lambda it: (it.at, it.name)))


async def answer(caches: Caches, kube: Kube, of: Key, action: AnswerDecision) -> None:
    """Write what became of a Decision; one that is gone needs no answer."""
    manifest = decisions.render(of.namespace, action)
    answered = await kube.patch_status(manifest)
    if answered is not None:
        caches.read(PLURAL, answered)
        _LOG.info("answered Decision %s: %s", action.name, action.outcome)


async def dismiss(caches: Caches, kube: Kube, of: Key, now: datetime) -> timedelta | None:
    """Refuse the Decisions about a ModelDeployment that does not exist.

    Returns:
        How long until the next one is due; None when nobody waits.
    """
    for action in _refusals(waiting(caches, of), of, now):
        await answer(caches, kube, of, action)
    young = [it.at + APPLIED_TOGETHER - now for it in waiting(caches, of)]
    return min(young, default=None)


def _refusals(found: tuple[Decided, ...], of: Key, now: datetime) -> Iterator[AnswerDecision]:
    for it in found:
        if now >= it.at + APPLIED_TOGETHER:
            yield AnswerDecision(
                name=it.name, uid=it.uid, outcome=Outcome.REFUSED, message=_why(it, of), at=now
            )


def _why(decided: Decided, of: Key) -> str:
    if isinstance(decided.spec, Unreadable):
        return f"the Decision is invalid: {decided.spec.message}"
    return (
        f"there is no ModelDeployment {of.name} in namespace {of.namespace}; "
        "`kubectl get mldep` lists those that exist"
    )
