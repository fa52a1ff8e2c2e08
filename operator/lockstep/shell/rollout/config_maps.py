"""Makes and removes a revision's copies of ConfigMaps; what is copied is not looked at."""

import logging
from typing import Final, assert_never

from lockstep.api.base import Manifest
from lockstep.clients.kubernetes.api import Kube
from lockstep.core import config
from lockstep.core.key import Named
from lockstep.core.rollout.actions import PruneConfig, StoreConfig
from lockstep.core.rollout.children import config_map
from lockstep.core.rollout.children.owner import Owner
from lockstep.errors import LostRaceError
from lockstep.shell.watch.caches import Caches

_LOG: Final = logging.getLogger(__name__)
_KIND: Final = config.Kind.CONFIG_MAP.value


async def act(caches: Caches, kube: Kube, owner: Owner, action: StoreConfig | PruneConfig) -> None:
    """Carry out one action; doing it twice changes nothing.

    Raises:
        LostRaceError: The ConfigMap is not what it was when the copy was planned.
        ForeignObjectError: The copy's name is taken.
    """
    match action:
        case StoreConfig():
            caches.on_write_response(await _copied(kube, owner, action))
            _LOG.info("copied ConfigMap %s to %s", action.source, action.name)
        case PruneConfig(name):
            await _prune(caches, kube, owner.key.namespace, name)
        case other:
            assert_never(other)


async def _copied(kube: Kube, owner: Owner, action: StoreConfig) -> Manifest:
    source = await kube.read(_KIND, owner.key.namespace, action.source)
    if source is None or config.digest(source) != action.digest:
        raise LostRaceError(f"ConfigMap {action.source} changed before it was copied")
    return await kube.create(config_map.config_map(owner, action, source), owner.uid)


async def _prune(caches: Caches, kube: Kube, namespace: str, name: str) -> None:
    known = caches.copies.get(Named(namespace, name))
    if known is None:
        return
    await kube.delete(_KIND, namespace, name, known.meta.uid)
    _LOG.info("deleted ConfigMap %s", name)
