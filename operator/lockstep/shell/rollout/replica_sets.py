"""Pods on the shell's side: the ReplicaSet of a revision, and a pod that a restart takes.

One request per action, its answer into the cache at once. Nothing is decided here.
"""

import logging
from typing import Final

from lockstep.adapters.kubernetes import drift
from lockstep.adapters.kubernetes.meta import meta, untouched
from lockstep.adapters.kubernetes.replica_sets import ReplicaSetRecord
from lockstep.api.base import SURPLUS_ANNOTATION, Manifest
from lockstep.clients.kubernetes.api import Kube
from lockstep.core.rollout.actions import (
    PutReplicaSet,
    RemovePod,
    RemoveReplicaSet,
)
from lockstep.core.rollout.children import replica_set
from lockstep.core.rollout.children.owner import Owner
from lockstep.shell.rollout.memory import Memory
from lockstep.shell.watch.caches import Caches

_LOG: Final = logging.getLogger(__name__)

Sizing = PutReplicaSet | RemoveReplicaSet | RemovePod


async def act(caches: Caches, memory: Memory, kube: Kube, owner: Owner, action: Sizing) -> None:
    """Carry out one action.

    Raises:
        ForeignObjectError: The ReplicaSet's name is taken.
    """
    match action:
        case PutReplicaSet():
            await _put(caches, memory, kube, owner, action)
        case RemoveReplicaSet(revision):
            await _remove(caches, kube, owner, revision)
        case RemovePod():
            await _remove_pod(caches, kube, owner, action)


async def _put(
    caches: Caches, memory: Memory, kube: Kube, owner: Owner, action: PutReplicaSet
) -> None:
    manifest, known = replica_set.put(owner, action), _known(caches, owner, action.revision)
    name, replicas = manifest["metadata"]["name"], manifest["spec"]["replicas"]
    if known is None or not action.exists:
        answer = await kube.create(manifest, owner.uid)
        if untouched(answer):
            _accept(memory, owner, manifest, answer)
        caches.on_write_response(answer)
        _LOG.info("created ReplicaSet %s with %s replicas", name, replicas)
        return
    ours, uid = drift.part(manifest, drift.REPLICA_SET), known.meta.uid
    matches = memory.of(owner.key).matches(uid, ours, known.body)
    whole = known.child.drifted or not (matches or drift.stands(ours, known.body))
    answer = await _bring(kube, manifest, known, action.surplus, whole=whole)
    if whole:
        _accept(memory, owner, manifest, answer)
    fresh = meta(answer)
    if fresh.generation == known.meta.generation and fresh.version == known.meta.version:
        memory.of(owner.key).note_noop(fresh.uid, fresh.generation)
    caches.on_write_response(answer)
    before = known.child.replicas + known.child.surplus
    _LOG.info("applied ReplicaSet %s: %s replicas, previously %s", name, replicas, before)


def _known(caches: Caches, owner: Owner, revision: str) -> ReplicaSetRecord | None:
    return {it.child.revision: it for it in caches.sets(owner.key, owner.uid)}.get(revision)


def _accept(memory: Memory, owner: Owner, manifest: Manifest, answer: Manifest) -> None:
    """Remember what became of our own write: nobody edited what a policy makes of it."""
    ours, theirs = (drift.part(it, drift.REPLICA_SET) for it in (manifest, answer))
    memory.of(owner.key).note_match(meta(answer).uid, ours, theirs)


async def _bring(
    kube: Kube, manifest: Manifest, known: ReplicaSetRecord, surplus: int, *, whole: bool
) -> Manifest:
    """Bring a ReplicaSet into shape; where only its size differs, that is all that is sent.

    An apply of the whole costs the API server twice as much.
    """
    child, uid, size = known.child, known.meta.uid, manifest["spec"]["replicas"]
    resized = (size - surplus, surplus) != (child.replicas, child.surplus)
    if whole or not resized:
        return await kube.apply(manifest, uid)
    metadata: Manifest = {"uid": uid}
    if surplus != child.surplus:
        metadata["annotations"] = {SURPLUS_ANNOTATION: str(surplus) if surplus else None}
    return await kube.merge(manifest, {"metadata": metadata, "spec": {"replicas": size}})


async def _remove(caches: Caches, kube: Kube, owner: Owner, revision: str) -> None:
    known = _known(caches, owner, revision)
    if known is None:
        return
    name = known.meta.name
    await kube.delete("ReplicaSet", owner.key.namespace, name, known.meta.uid)
    _LOG.info("deleted ReplicaSet %s", name)


async def _remove_pod(caches: Caches, kube: Kube, owner: Owner, action: RemovePod) -> None:
    """That it is on its way out is known at once, or the next pass would take another one."""
    going = await kube.delete("Pod", owner.key.namespace, action.name, action.uid)
    if going:
        caches.on_write_response(going)
    _LOG.info("deleted pod %s, its ReplicaSet replaces it", action.name)
