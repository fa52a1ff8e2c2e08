"""Objects of a router's own kinds on the shell's side: as they stand, and one request for each."""

from collections.abc import Iterable, Iterator

from lockstep.adapters.kubernetes import drift
from lockstep.adapters.kubernetes.meta import meta
from lockstep.adapters.kubernetes.whole import WholeRecord
from lockstep.adapters.routers.base import Router
from lockstep.api.base import Manifest
from lockstep.clients.kubernetes.api import Kube
from lockstep.core.facts import Hand
from lockstep.core.key import Key, Named
from lockstep.core.rollout.children.owner import Owner
from lockstep.shell.rollout.memory import Memory
from lockstep.shell.watch.caches import Caches


def found(caches: Caches, router: Router, owner: Owner) -> tuple[Manifest, ...]:
    """Those that are there and this owner's, in the router's order."""
    refs = router.refs(owner.key.name)
    known = (_known(caches, owner, ref.kind, ref.name) for ref in refs)
    return tuple(it.body for it in known if it)


def _known(caches: Caches, owner: Owner, kind: str, name: str) -> WholeRecord | None:
    seen = caches.routes[kind].get(Named(owner.key.namespace, name))
    return seen if seen and seen.meta.owner_uid == owner.uid else None


def edits(
    caches: Caches, memory: Memory, owner: Owner, rendered: Iterable[Manifest]
) -> Iterator[Hand]:
    """What stands otherwise than rendered, object by object; one that is missing is no edit."""
    for manifest in rendered:
        known = _named(caches, owner, manifest)
        if known is None or not _stands(memory, owner.key, manifest, known):
            what = drift.difference(manifest, known.body) if known else ""
            field = f"{manifest['kind']} {what}".rstrip()
            yield Hand(field, known.client if known else "")


def _named(caches: Caches, owner: Owner, manifest: Manifest) -> WholeRecord | None:
    return _known(caches, owner, manifest["kind"], manifest["metadata"]["name"])


def _stands(memory: Memory, key: Key, manifest: Manifest, known: WholeRecord) -> bool:
    """As rendered, or as our last write of the same has left it."""
    ours = _ours(manifest)
    if drift.stands(ours, known.body):
        return True
    return memory.of(key).matches(known.meta.uid, ours, known.body["spec"])


def _ours(manifest: Manifest) -> Manifest:
    """What is compared: whose it is, is told by other means."""
    labels = manifest["metadata"].get("labels") or {}
    return {"metadata": {"labels": labels}, "spec": manifest["spec"]}


async def put(
    caches: Caches, memory: Memory, kube: Kube, owner: Owner, rendered: Iterable[Manifest]
) -> None:
    """Write what does not stand as rendered.

    Raises:
        ForeignObjectError: A name is taken.
    """
    for manifest in rendered:
        known = _named(caches, owner, manifest)
        if known and _stands(memory, owner.key, manifest, known):
            continue
        if known is None:
            answer = await kube.create(manifest, owner.uid)
        else:
            answer = await kube.apply(manifest, known.meta.uid)
        memory.of(owner.key).note_match(meta(answer).uid, _ours(manifest), answer["spec"])
        caches.on_write_response(answer)
