"""The Services on the shell's side: as they stand, and one request per action.

With the callers' Service go the objects of the router that the spec asks for.
What a policy makes of our own write is no edit: it is remembered beside what was asked for, so that
it is neither told nor written again.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Final

from lockstep.adapters.kubernetes import selectors, services
from lockstep.adapters.kubernetes.meta import meta, untouched
from lockstep.adapters.kubernetes.services import ServiceRecord
from lockstep.adapters.routers import registry
from lockstep.adapters.routers.base import Router
from lockstep.adapters.routers.replica_ratio import ReplicaRatio
from lockstep.api.base import Manifest
from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.service import alike
from lockstep.clients.kubernetes.api import Kube
from lockstep.core import names
from lockstep.core.facts import Hand, Unreadable
from lockstep.core.key import Named
from lockstep.core.rollout.actions import (
    PutArmService,
    RemoveArmService,
    RemovePreview,
    SetPreview,
    SetTraffic,
)
from lockstep.core.rollout.children import service
from lockstep.core.rollout.children.owner import Owner
from lockstep.core.rollout.observed import ArmService, CallerService
from lockstep.core.rollout.routing import Nobody, Only, Routing, Shares
from lockstep.shell.rollout import routes
from lockstep.shell.rollout.memory import Memory
from lockstep.shell.watch.caches import Caches

_LOG: Final = logging.getLogger(__name__)
_SELECTING: Final = ReplicaRatio()
"""The Service of the preview, or of one revision, selects it, whatever leads callers elsewhere."""


def find(
    caches: Caches,
    memory: Memory,
    routers: Mapping[str, Router],
    owner: Owner,
    spec: ModelDeploymentSpec | Unreadable,
) -> tuple[CallerService | None, CallerService | None]:
    """The Service of callers and the preview's, where they are this owner's."""
    name, preview = owner.key.name, names.preview_name(owner.key.name)
    router = registry.chosen(routers, spec)
    if isinstance(spec, Unreadable):
        return _unread(caches, router, owner, name), _unread(caches, _SELECTING, owner, preview)
    of_all = service.service(owner, name, {}, (), spec.service)
    of_one = service.service(owner, preview, {}, (), service.of_preview(spec.service))
    return (
        _seen(caches, memory, router, owner, of_all),
        _seen(caches, memory, _SELECTING, owner, of_one),
    )


def arms(
    caches: Caches, memory: Memory, owner: Owner, spec: ModelDeploymentSpec | Unreadable
) -> Iterator[ArmService]:
    """The Services of single revisions, which only a data plane that splits by weight has."""
    if isinstance(spec, Unreadable) or not spec.traffic_method.weighted:
        return
    asked = service.of_preview(spec.service)
    for record in caches.services.children(owner.key):
        revision = record.meta.revision
        name = names.child_name(owner.key.name, revision)
        if not revision or record.meta.name != name:
            continue
        rendered = service.service(owner, name, {}, (), asked, revision)
        seen = _seen(caches, memory, _SELECTING, owner, rendered)
        if seen:
            drifted = seen.drifted or seen.routing != Only(revision)
            yield ArmService(revision=revision, ports=seen.ports, drifted=drifted)


def _known(caches: Caches, owner: Owner, name: str) -> ServiceRecord | None:
    seen = caches.services.get(Named(owner.key.namespace, name))
    return seen if seen and seen.meta.owner_uid == owner.uid else None


def _unread(caches: Caches, router: Router, owner: Owner, name: str) -> CallerService | None:
    seen = _known(caches, owner, name)
    if seen is None:
        return None
    routing = router.read(owner.key.name, seen.selector, ()).written
    return CallerService(uid=seen.meta.uid, routing=routing or Nobody(), ports=seen.ports)


def _seen(
    caches: Caches, memory: Memory, router: Router, owner: Owner, rendered: Manifest
) -> CallerService | None:
    seen = _known(caches, owner, rendered["metadata"]["name"])
    if seen is None:
        return None
    weighted, uid = router.method.weighted, seen.meta.uid
    found = routes.found(caches, router, owner) if weighted else ()
    reading = router.read(owner.key.name, seen.selector, found)
    routing = reading.written
    noop = memory.of(owner.key).was_noop(uid, seen.meta.version)
    redirected = seen.redirected or (routing is None and not weighted)
    ours = memory.of(owner.key).accepted(uid, _told(seen))
    as_asked = ours is not None and ours["compared"] == services.compared(rendered)
    stands = noop or as_asked or services.stands(rendered, seen)
    edit = _edit(caches, memory, router, owner, routing, seen) if weighted and routing else None
    by_others = edit if edit and edit.client else None
    as_ours = stands and not redirected and not seen.edited
    return CallerService(
        uid=uid,
        routing=routing or Nobody(),
        ports=seen.ports if ours is None else ours["ports"],
        drifted=redirected or not stands or by_others is not None,
        edited=seen.edited,
        astray=seen.astray,
        elsewhere=routing is None and not weighted,
        pending=weighted and (routing is None or reading.confirmed != routing),
        unfinished=weighted and (routing is None or edit is not None),
        hand=by_others if as_ours else _hand(rendered, seen),
    )


def _edit(
    caches: Caches,
    memory: Memory,
    router: Router,
    owner: Owner,
    routing: Routing,
    seen: ServiceRecord,
) -> Hand | None:
    """What stands otherwise than the router would write it now, by whomever it was written."""
    rendered = router.render(owner, routing, seen.ports)
    if seen.selector != rendered.selector:
        return Hand("spec.selector", "")
    return next(routes.edits(caches, memory, owner, rendered.objects), None)


def _hand(rendered: Manifest, seen: ServiceRecord) -> Hand:
    what = "spec.selector" if seen.redirected else services.difference(rendered, seen)
    return Hand(what or ("spec.ports" if seen.edited else "spec.selector"), seen.client)


async def act(
    caches: Caches,
    memory: Memory,
    kube: Kube,
    router: Router,
    owner: Owner,
    action: SetTraffic | PutArmService | RemoveArmService | SetPreview | RemovePreview,
) -> None:
    """Carry out one action.

    Raises:
        ForeignObjectError: The Service's name is taken.
    """
    of = owner.key.name
    match action:
        case SetTraffic(routing=routing):
            rendered = router.render(owner, routing, action.ports)
            manifest = service.service(owner, of, rendered.selector, action.ports, action.service)
            await _put(caches, memory, kube, owner, manifest, exists=action.exists)
            await routes.put(caches, memory, kube, owner, rendered.objects)
            _LOG.info("Service %s sends traffic to %s", of, _whom(routing))
        case SetPreview(revision=revision):
            name, selector = names.preview_name(of), selectors.selector(of, Only(revision))
            asked = service.of_preview(action.service)
            manifest = service.service(owner, name, selector, action.ports, asked)
            await _put(caches, memory, kube, owner, manifest, exists=action.exists)
            _LOG.info("preview Service %s sends traffic to %s", name, revision)
        case PutArmService(revision=revision):
            name, selector = names.child_name(of, revision), selectors.selector(of, Only(revision))
            asked = service.of_preview(action.service)
            manifest = service.service(owner, name, selector, action.ports, asked, revision)
            await _put(caches, memory, kube, owner, manifest, exists=action.exists)
            _LOG.info("Service %s sends traffic to %s", name, revision)
        case RemoveArmService(revision):
            await _remove(caches, kube, Named(owner.key.namespace, names.child_name(of, revision)))
        case RemovePreview():
            await _remove(caches, kube, Named(owner.key.namespace, names.preview_name(of)))


async def _put(
    caches: Caches, memory: Memory, kube: Kube, owner: Owner, manifest: Manifest, *, exists: bool
) -> None:
    known = caches.services.get(Named(owner.key.namespace, manifest["metadata"]["name"]))
    if known is None or not exists:
        answer = await kube.create(manifest, owner.uid)
        if untouched(answer):
            _accept(memory, owner, manifest, answer)
        caches.on_write_response(answer)
        return
    answer = await _bring(kube, manifest, known)
    _accept(memory, owner, manifest, answer)
    fresh = meta(answer)
    if fresh.version == known.meta.version:
        memory.of(owner.key).note_noop(fresh.uid, fresh.version)
    caches.on_write_response(answer)


def _accept(memory: Memory, owner: Owner, manifest: Manifest, answer: Manifest) -> None:
    """Remember what became of our own write, where that is not what we asked for."""
    ours: Manifest = {"compared": services.compared(manifest), "ports": services.ports(manifest)}
    found = services.prune(answer)
    same = alike(ours["ports"], found.ports) and services.stands(manifest, found)
    if not same and not found.astray:
        memory.of(owner.key).note_match(found.meta.uid, ours, _told(found))


def _told(seen: ServiceRecord) -> Manifest:
    return {"compared": seen.body, "ports": seen.ports}


async def _bring(kube: Kube, manifest: Manifest, known: ServiceRecord) -> Manifest:
    """Bring a Service into shape: what differs is sent, selector and ports in one write.

    An apply alone would leave the ports that the first POST created, which the API server counts as
    another manager's. It comes after, where somebody else has the selector, to take that back.
    """
    patch = services.patch(manifest, known)
    if patch:
        answer = await kube.merge(manifest, patch)
        if not known.redirected:
            return answer
    return await kube.apply(manifest, known.meta.uid)


async def _remove(caches: Caches, kube: Kube, at: Named) -> None:
    known = caches.services.get(at)
    if known is None:
        return
    await kube.delete("Service", at.namespace, at.name, known.meta.uid)
    _LOG.info("deleted Service %s", at.name)


def _whom(routing: Routing) -> str:
    if isinstance(routing, Shares):
        return ", ".join(f"{revision} with {percent}%" for revision, percent in routing.percent)
    return str(getattr(routing, "revision", type(routing).__name__.lower()))
