"""The upkeep of children on the shell's side: what is looked at, and one request per action.

Nothing is decided here.
"""

import logging
from typing import Any, Final

from lockstep.adapters.kubernetes.budgets import BudgetRecord
from lockstep.adapters.kubernetes.meta import Meta, meta
from lockstep.adapters.merge_patch import merge_patch
from lockstep.api.base import Manifest
from lockstep.api.model_deployment import DeletionPolicy, ModelDeploymentSpec
from lockstep.api.resources import BY_KIND, RESOURCES
from lockstep.clients.kubernetes.api import Kube
from lockstep.core import names
from lockstep.core.facts import ChildRef, Foreign, Hand, Unreadable
from lockstep.core.key import Key, Named
from lockstep.core.rollout.actions import PutBudget, RemoveBudget, SetOwnership
from lockstep.core.rollout.children import budget
from lockstep.core.rollout.children.owner import Owner, belonging_patch, labels, whole_belonging
from lockstep.core.rollout.observed import REPLICA_SET, Autoscaler, Budget
from lockstep.shell.rollout.memory import Memory
from lockstep.shell.watch.caches import Caches

_LOG: Final = logging.getLogger(__name__)
_KINDS: Final = {it.plural: it.kind for it in RESOURCES if it.child}

Upkeep = PutBudget | RemoveBudget | SetOwnership


def owner(key: Key, uid: str, spec: ModelDeploymentSpec | Unreadable) -> Owner:
    """The owner as its children name it; what cannot be read has the default policy."""
    if isinstance(spec, Unreadable):
        return Owner(key=key, uid=uid)
    return Owner(key=key, uid=uid, policy=spec.deletion_policy)


def find_budget(caches: Caches, memory: Memory, of: Owner) -> Budget | None:
    """The budget, if it is this owner's."""
    seen = caches.budgets.get(of.key.named)
    if seen is None or seen.meta.owner_uid != of.uid:
        return None
    noop = memory.of(of.key).was_noop(seen.meta.uid, seen.meta.version)
    differing = "" if noop else _differing(seen, of)
    hand = Hand(f"spec.{differing}", seen.client) if differing else None
    return Budget(uid=seen.meta.uid, drifted=bool(differing), hand=hand)


def _differing(seen: BudgetRecord, of: Owner) -> str:
    """The first field that is not as we would write it; empty where all are."""
    ours: Manifest = budget.budget(of)["spec"]
    fields = {**ours, **seen.spec}
    return next((it for it in fields if seen.spec.get(it) != ours.get(it)), "")


def misowned(caches: Caches, of: Owner) -> tuple[ChildRef, ...]:
    """Children that would go, or stay, against the owner's deletion policy."""
    outliving = of.policy is DeletionPolicy.ORPHAN
    return tuple(
        ChildRef(kind, record.meta.name)
        for plural, kind in _KINDS.items()
        for record in caches.children(plural, of.key)
        if record.meta.owner_uid == of.uid
        and not record.meta.terminating
        and record.meta.outlives is not outliving
    )


def unowned(caches: Caches, of: Owner) -> tuple[ChildRef, ...]:
    """Objects that carry our label, a name that we give, and no owner that could claim them."""
    return tuple(
        ChildRef(kind, record.meta.name)
        for plural, kind in _KINDS.items()
        for record in caches.children(plural, of.key)
        if record.meta.outlives
        and record.meta.owner_uid != of.uid
        and not record.meta.terminating
        and _named_by_us(plural, record, of.key)
    )


def _named_by_us(plural: str, record: Any, key: Key) -> bool:  # noqa: ANN401 (any cache's record)
    """A label alone makes nothing ours: anybody may write it."""
    match plural:
        case "services":
            ours = {key.name, names.preview_name(key.name), _of_revision(record.meta, key)}
            return record.meta.name in ours
        case "replicasets" | "controllerrevisions":
            return bool(record.meta.name == _of_revision(record.meta, key))
        case "configmaps":
            return bool(record.meta.name.startswith(f"{_of_revision(record.meta, key)}-"))
        case _:  # a budget, or a router's
            return bool(record.meta.name == key.name)


def _of_revision(of: Meta, key: Key) -> str:
    """What a child of its revision is called; its content is not looked into before it is ours."""
    return names.child_name(key.name, of.revision) if of.revision else ""


def autoscalers(caches: Caches, of: Owner) -> tuple[Autoscaler, ...]:
    """Those that scale a child of this owner."""
    children = {ChildRef(REPLICA_SET, it.meta.name) for it in caches.sets(of.key, of.uid)}
    return tuple(
        Autoscaler(record.meta.name, record.target)
        for record in caches.autoscalers.children(of.key)
        if record.target in children
    )


async def act(caches: Caches, memory: Memory, kube: Kube, of: Owner, action: Upkeep) -> None:
    """Carry out one action, with its answer into the cache at once.

    Raises:
        ForeignObjectError: The budget's name is taken.
    """
    match action:
        case PutBudget(exists):
            await _put_budget(caches, memory, kube, of, exists=exists)
        case RemoveBudget():
            await _remove_budget(caches, kube, of.key)
        case SetOwnership(child):
            await _set_ownership(caches, memory, kube, of, child)


async def _put_budget(
    caches: Caches, memory: Memory, kube: Kube, of: Owner, *, exists: bool
) -> None:
    rendered, known = budget.budget(of), caches.budgets.get(of.key.named)
    if known is None or not exists:
        answer = await kube.create(rendered, of.uid)
        _LOG.info("created PodDisruptionBudget %s", of.key.name)
    else:
        fields = merge_patch(known.spec, rendered["spec"])
        patch = {"metadata": {"uid": known.meta.uid}, "spec": fields}
        answer = await kube.merge(rendered, patch)
        fresh = meta(answer)
        if fresh.version == known.meta.version:
            memory.of(of.key).note_noop(fresh.uid, fresh.version)
        _LOG.info("restored PodDisruptionBudget %s", of.key.name)
    caches.on_write_response(answer)


async def _remove_budget(caches: Caches, kube: Kube, key: Key) -> None:
    known = caches.budgets.get(key.named)
    if known is None:
        return
    await kube.delete("PodDisruptionBudget", key.namespace, key.name, known.meta.uid)
    _LOG.info("deleted PodDisruptionBudget %s", key.name)


async def _set_ownership(
    caches: Caches, memory: Memory, kube: Kube, of: Owner, child: ChildRef
) -> None:
    """What we do not watch has no label of ours yet: a Service from before that is taken over."""
    uid = _known_uid(caches, of.key, child) or await _uid_of_unowned(kube, of.key, child)
    if not uid:
        return
    at, routes = Named(of.key.namespace, child.name), caches.routes.get(child.kind)
    named = {"kind": child.kind, "metadata": {"name": at.name, "namespace": at.namespace}}
    route = routes.get(at) if routes else None
    if route:
        there, version = route.body["metadata"], route.meta.version
        owned = whole_belonging(of, there.get("ownerReferences") or ())
        changes = {"uid": uid, "resourceVersion": str(version), "labels": labels(of), **owned}
        answer = await kube.merge(named, {"metadata": changes})
    else:
        patch = {"metadata": {"uid": uid, "labels": labels(of), **belonging_patch(of)}}
        answer = await kube.merge_items(named, patch)
    caches.on_write_response(answer)
    memory.of(of.key).foreign.pop(Foreign(child.kind, child.name), None)
    _LOG.info("%s %s now follows deletionPolicy %s", child.kind, child.name, of.policy)


def _known_uid(caches: Caches, key: Key, child: ChildRef) -> str:
    records = caches.children(BY_KIND[child.kind].plural, key)
    return next((str(it.meta.uid) for it in records if it.meta.name == child.name), "")


async def _uid_of_unowned(kube: Kube, key: Key, child: ChildRef) -> str:
    """Empty where it is gone, or where a controller has it."""
    there = await kube.read(child.kind, key.namespace, child.name)
    known = meta(there) if there else None
    return known.uid if known and known.outlives and not known.terminating else ""
