"""Everything that is watched, and who has to be told when it changes."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
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
)
from lockstep.adapters.kubernetes.exit_criteria import (
    CriteriaRecord,
    prune_cluster_exit_criteria,
    prune_exit_criteria,
)
from lockstep.adapters.kubernetes.meta import Meta
from lockstep.adapters.kubernetes.model_deployments import ModelDeploymentRecord
from lockstep.adapters.kubernetes.replica_sets import ReplicaSetRecord
from lockstep.api import decision, exit_criteria, model_deployment
from lockstep.api.base import DEPLOYMENT_LABEL, GROUP, Manifest
from lockstep.api.model_deployment import CriteriaKind, CriteriaRef
from lockstep.clients.kubernetes.api import PATHS
from lockstep.core import names
from lockstep.core.key import Key, Named
from lockstep.shell.watch.cache import Cache, Seen

MODEL_DEPLOYMENTS: Final = model_deployment.PLURAL
CLUSTER_SCOPED: Final = frozenset({exit_criteria.CLUSTER_PLURAL})
CHILDREN: Final[Mapping[str, tuple[str, str]]] = {
    "replicasets": ("apps", "v1"),
    "controllerrevisions": ("apps", "v1"),
    "services": ("", "v1"),
    "poddisruptionbudgets": ("policy", "v1"),
    "pods": ("", "v1"),
    "configmaps": ("", "v1"),
}
"""Group and version of the child resources that are watched, by our label only."""

LABEL_SELECTOR: Final = DEPLOYMENT_LABEL
CRITERIA: Final = frozenset({exit_criteria.PLURAL, exit_criteria.CLUSTER_PLURAL})
OWN: Final = CRITERIA | {MODEL_DEPLOYMENTS, decision.PLURAL}
OWN_GROUP: Final = GROUP
AUTOSCALERS: Final = "horizontalpodautoscalers"

Enqueue = Callable[[Key], None]


class Caches:
    """One cache per resource; ``on_list`` and ``on_event`` fill it and enqueue whom it concerns.

    ``namespaces`` empty: all of them. ``complete`` once every resource was listed everywhere:
    before that a child that is only not listed yet would look as if it did not exist.
    """

    def __init__(self, namespaces: Iterable[str]) -> None:
        self.enqueue: Enqueue = _nobody
        self.model_deployments = Cache(model_deployments.prune, model_deployments.renew)
        self.exit_criteria = Cache(prune_exit_criteria)
        self.cluster_exit_criteria = Cache(prune_cluster_exit_criteria)
        self.decisions = Cache(decisions.prune, over=decisions.answered)
        self.replica_sets = Cache(
            replica_sets.prune,
            replica_sets.renew,
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
        self._by_plural: dict[str, Cache[Any]] = {
            MODEL_DEPLOYMENTS: self.model_deployments,
            exit_criteria.PLURAL: self.exit_criteria,
            exit_criteria.CLUSTER_PLURAL: self.cluster_exit_criteria,
            decision.PLURAL: self.decisions,
            "replicasets": self.replica_sets,
            "controllerrevisions": self.revisions,
            "services": self.services,
            "poddisruptionbudgets": self.budgets,
            AUTOSCALERS: self.autoscalers,
            "pods": self.pods,
            "configmaps": self.copies,
        }
        self.completed = asyncio.Event()
        self._missing = _scopes(self._by_plural, tuple(namespaces))
        self.scopes = frozenset(self._missing)

    @property
    def complete(self) -> bool:
        return not self._missing

    @property
    def missing(self) -> tuple[str, ...]:
        """Resources that were not listed yet."""
        return tuple(sorted({plural for plural, _ in self._missing}))

    def keys(self) -> tuple[Key, ...]:
        """Every ModelDeployment there is."""
        return tuple(_key(record) for record in self.model_deployments)

    def seen(self, plural: str, raw: Manifest) -> Seen[Any] | None:
        """Read an object, in whatever thread, so that no more than is needed is kept of it."""
        return self._by_plural[plural].seen(raw)

    def on_list(
        self, plural: str, namespace: str, found: Sequence[Seen[Any]], version: int
    ) -> None:
        """Take a whole list: what is not in it is gone."""
        for record in self._by_plural[plural].replace(namespace, found, version):
            self._tell(plural, record)
        if plural == MODEL_DEPLOYMENTS:  # their children may have been listed before them
            self.revisions.share()
            self.replica_sets.share()
        self._missing.discard((plural, namespace))
        if self.complete:
            self.completed.set()

    def on_event(self, plural: str, kind: str, seen: Seen[Any]) -> None:
        """Take one event of a watch: ADDED, MODIFIED or DELETED."""
        cache = self._by_plural[plural]
        before = cache.get(seen.at)
        record = cache.drop(seen) if kind == "DELETED" else cache.take(seen)
        if record:
            self._tell(plural, record)
            if before and before.meta.parent != record.meta.parent:
                self._tell(plural, before)

    def children(self, plural: str, key: Key) -> tuple[Any, ...]:
        """Every record of one child resource that carries the label of this ModelDeployment."""
        return self._by_plural[plural].children(key)

    def sets(self, key: Key, owner_uid: str) -> tuple[ReplicaSetRecord, ...]:
        """What the owner's revisions have their pods from."""
        found = self.replica_sets.children(key)
        return tuple(it for it in found if it.meta.owner_uid == owner_uid and _named(it, key))

    def on_write_response(self, raw: Manifest) -> None:
        """Take the answer to our own write at once; a status enqueues nothing."""
        plural = PATHS[raw["kind"]][1]
        if plural == MODEL_DEPLOYMENTS:
            self.model_deployments.put(raw)
        else:
            self.read(plural, raw)

    def read(self, plural: str, raw: Manifest, kind: str = "MODIFIED") -> None:
        """Take an object that was read just now, as if a watch had told of it."""
        seen = self.seen(plural, raw)
        if seen:
            self.on_event(plural, kind, seen)

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

    def _tell(self, plural: str, record: Any) -> None:  # noqa: ANN401 (any cache's record)
        if plural == MODEL_DEPLOYMENTS:
            self.enqueue(_key(record))
        elif plural in CRITERIA:
            self._tell_users(plural, record)
        elif record.meta.parent:
            self.enqueue(record.meta.parent)

    def _tell_users(self, plural: str, record: CriteriaRecord) -> None:
        cluster = plural in CLUSTER_SCOPED
        kind = CriteriaKind.CLUSTER if cluster else CriteriaKind.NAMESPACED
        ref = CriteriaRef.model_construct(kind=kind, name=record.meta.name)
        for user in self.model_deployments:
            near = cluster or user.meta.namespace == record.meta.namespace
            if near and ref in user.criteria():
                self.enqueue(_key(user))


def _nobody(_: Key) -> None:
    """Nobody listens yet."""


def _named(record: ReplicaSetRecord, key: Key) -> bool:
    return record.meta.name == names.child_name(key.name, record.meta.revision)


def _key(record: ModelDeploymentRecord) -> Key:
    return Key(model_deployment.KIND, record.meta.namespace, record.meta.name)


def _scopes(plurals: Iterable[str], namespaces: tuple[str, ...]) -> set[tuple[str, str]]:
    everywhere = ("",)
    return {
        (plural, namespace)
        for plural in plurals
        for namespace in (everywhere if plural in CLUSTER_SCOPED else namespaces or everywhere)
    }
