"""What is watched for ModelDeployments, and which of them has to be told when it changes."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from lockstep.adapters.kubernetes import (
    autoscalers,
    budgets,
    config_maps,
    controller_revisions,
    decisions,
    model_deployments,
    pods,
    replica_sets,
    services,
    whole,
)
from lockstep.adapters.kubernetes.exit_criteria import (
    CriteriaRecord,
    prune_cluster_exit_criteria,
    prune_exit_criteria,
)
from lockstep.adapters.kubernetes.meta import Meta
from lockstep.adapters.kubernetes.model_deployments import ModelDeploymentRecord
from lockstep.adapters.kubernetes.replica_sets import ReplicaSetRecord
from lockstep.api import model_deployment, resources
from lockstep.api.base import Manifest
from lockstep.api.resources import BY_KIND, Resource
from lockstep.api.strategy import CriteriaKind, CriteriaRef
from lockstep.core import names
from lockstep.core.key import Key, Named
from lockstep.shell.watch.cache import Cache, Record
from lockstep.shell.watch.informers import Informer, Informers

MODEL_DEPLOYMENTS: Final = resources.MODEL_DEPLOYMENT.plural

Enqueue = Callable[[Key], None]


class Caches(Informers):
    """One cache per resource; what changes in one enqueues whom it concerns.

    ``routes``: by kind, the objects that routers write beside Services, of ``routed`` kinds.
    """

    def __init__(self, namespaces: Iterable[str], routed: Iterable[str] = ()) -> None:
        super().__init__(namespaces)
        self.enqueue: Enqueue = _nobody
        self.model_deployments = Cache(model_deployments.prune, model_deployments.renew)
        self.exit_criteria = Cache(prune_exit_criteria)
        self.cluster_exit_criteria = Cache(prune_cluster_exit_criteria)
        self.decisions = Cache(decisions.prune, over=decisions.answered)
        self.replica_sets = Cache(
            replica_sets.prune,
            sharing=lambda it: replica_sets.sharing(it, self._template(it.meta)),
        )
        self.revisions = Cache(
            controller_revisions.prune,
            sharing=lambda it: controller_revisions.sharing(it, self._template(it.meta)),
        )
        self.services = Cache(services.prune)
        self.budgets = Cache(budgets.prune)
        self.autoscalers = Cache(autoscalers.prune)
        self.pods = Cache(pods.prune)
        self.copies = Cache(config_maps.prune)
        self._keep(resources.MODEL_DEPLOYMENT, self.model_deployments, self._tell, self._share)
        self._keep(resources.EXIT_CRITERIA, self.exit_criteria, self._tell_users)
        self._keep(resources.CLUSTER_EXIT_CRITERIA, self.cluster_exit_criteria, self._tell_users)
        for resource, cache in (
            (resources.DECISION, self.decisions),
            (resources.REPLICA_SET, self.replica_sets),
            (resources.CONTROLLER_REVISION, self.revisions),
            (resources.SERVICE, self.services),
            (resources.POD_DISRUPTION_BUDGET, self.budgets),
            (resources.AUTOSCALER, self.autoscalers),
            (resources.POD, self.pods),
            (resources.CONFIG_MAP, self.copies),
        ):
            self._keep(resource, cache, self._tell_owner)
        self.routes = {kind: Cache(whole.prune) for kind in sorted(routed)}
        for kind, found in self.routes.items():
            self._keep(BY_KIND[kind], found, self._tell_owner)
        self._by_plural = {it.resource.plural: it for it in self.informers}

    def keys(self) -> tuple[Key, ...]:
        """Every ModelDeployment there is."""
        return tuple(_key(record) for record in self.model_deployments)

    def children(self, plural: str, key: Key) -> tuple[Any, ...]:
        """Every record of one child resource that carries the label of this ModelDeployment."""
        return self._by_plural[plural].cache.children(key)

    def sets(self, key: Key, owner_uid: str) -> tuple[ReplicaSetRecord, ...]:
        """What the owner's revisions have their pods from."""
        found = self.replica_sets.children(key)
        return tuple(it for it in found if it.meta.owner_uid == owner_uid and _named(it, key))

    def on_write_response(self, raw: Manifest) -> None:
        """Take the answer to our own write at once; a status enqueues nothing."""
        plural = BY_KIND[raw["kind"]].plural
        if plural == MODEL_DEPLOYMENTS:
            self.model_deployments.put(raw)
        else:
            self.read(plural, raw)

    def read(self, plural: str, raw: Manifest, kind: str = "MODIFIED") -> None:
        """Take an object that was read just now, as if a watch had told of it."""
        watch = self._by_plural[plural].watch
        seen = self.seen(watch, raw)
        if seen:
            self.on_event(watch, kind, seen)

    def criteria(self, key: Key, ref: CriteriaRef) -> CriteriaRecord | None:
        """The exit criteria that a ModelDeployment means by ``ref``."""
        if ref.kind is CriteriaKind.CLUSTER:
            return self.cluster_exit_criteria.get(Named("", ref.name))
        return self.exit_criteria.get(Named(key.namespace, ref.name))

    def _template(self, of: Meta) -> Manifest:
        """What a child's template is most like: its revision's as stored, or as it is written."""
        others = [
            (it.meta.revision, it.stored.template)
            for it in (self.revisions.children(of.parent) if of.parent else ())
            if it.stored and it.meta.uid != of.uid
        ]
        own = next((template for revision, template in others if revision == of.revision), None)
        written = self.model_deployments.get(of.parent.named) if of.parent else None
        sibling = others[0][1] if others else {}
        return own or (written.template if written else sibling)

    def _keep(
        self,
        resource: Resource,
        cache: Cache[Any],
        tell: Callable[[Any], None],
        listed: Callable[[], None] = lambda: None,
    ) -> None:
        """What ModelDeployments have to do with is the first watch of each resource."""
        watch = resource.watches[0]
        self.add(Informer(resource=resource, watch=watch, cache=cache, tell=tell, listed=listed))

    def _share(self) -> None:
        """Their children may have been listed before them."""
        self.revisions.share()
        self.replica_sets.share()

    def _tell(self, record: ModelDeploymentRecord) -> None:
        self.enqueue(_key(record))

    def _tell_owner(self, record: Record) -> None:
        if record.meta.parent:
            self.enqueue(record.meta.parent)

    def _tell_users(self, record: CriteriaRecord) -> None:
        """Of the criteria's namespace; of a cluster's criteria, all of them."""
        of = record.meta.namespace
        kind = CriteriaKind.NAMESPACED if of else CriteriaKind.CLUSTER
        ref = CriteriaRef.model_construct(kind=kind, name=record.meta.name)
        for user in self.model_deployments:
            if of in {"", user.meta.namespace} and ref in user.criteria():
                self.enqueue(_key(user))


def _nobody(_: Key) -> None:
    """Nobody listens yet."""


def _named(record: ReplicaSetRecord, key: Key) -> bool:
    return record.meta.name == names.child_name(key.name, record.meta.revision)


def _key(record: ModelDeploymentRecord) -> Key:
    return Key(model_deployment.KIND, record.meta.namespace, record.meta.name)
