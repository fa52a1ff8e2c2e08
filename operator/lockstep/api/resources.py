"""Every resource that the operator watches or writes. What deals with resources reads this table.

Handlers, caches, paths and the wait for CRDs follow from it, and a test holds the RBAC against it:
a new resource is one more row here, a cache for it, and a rule in the manifests.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from lockstep.api import decision, exit_criteria, model_deployment
from lockstep.api.base import DEPLOYMENT_LABEL, GROUP, VERSION

EVERYTHING: Final = ""
"""The selector of a watch that sees all objects."""

JSON: Final = "application/json"
YAML: Final = "application/yaml"
APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"


class Watch(NamedTuple):
    """What is listed and watched on its own; two kinds may watch one resource by their labels."""

    group: str
    version: str
    plural: str
    selector: str = EVERYTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One row.

    Attributes:
        selectors: One watch each; none where it is only read or written.
        verbs: What the operator asks of the objects, as RBAC says it.
        status_verbs: What it asks of their statuses.
        named: Whether it has these rights to the one object of its own namespace that its settings
            name, in place of all objects of users' namespaces.
        body: In which form a new object is sent.
        patch: How an object of ours that is there already is brought into shape.
        optional: Whether an API server may be without it. It is watched as soon as it is served;
            where it is taken away later, health ends the process and the next begins without it.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    selectors: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    status_verbs: tuple[str, ...] = ()
    named: bool = False
    body: str = JSON
    patch: str = APPLY
    optional: bool = False

    @property
    def api(self) -> str:
        """Where its group and version are."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    @property
    def watches(self) -> tuple[Watch, ...]:
        return tuple(Watch(self.group, self.version, self.plural, it) for it in self.selectors)

    @property
    def child(self) -> bool:
        """Whether ModelDeployments have objects of their own of it: pods are their ReplicaSets'."""
        return DEPLOYMENT_LABEL in self.selectors and "patch" in self.verbs


_SEEN: Final = ("list", "watch")
_OURS: Final = ("get", *_SEEN, "create", "patch", "delete")
_BY_LABEL: Final = (DEPLOYMENT_LABEL,)
_ALL: Final = (EVERYTHING,)

MODEL_DEPLOYMENT: Final = Resource(
    group=GROUP,
    version=VERSION,
    plural=model_deployment.PLURAL,
    kind=model_deployment.KIND,
    selectors=_ALL,
    verbs=("get", *_SEEN),  # get: what won a race for a status
    status_verbs=("update",),
)
DECISION: Final = Resource(
    group=GROUP,
    version=VERSION,
    plural=decision.PLURAL,
    kind=decision.KIND,
    selectors=_ALL,
    verbs=_SEEN,
    status_verbs=("patch",),
)
EXIT_CRITERIA: Final = Resource(
    group=GROUP,
    version=VERSION,
    plural=exit_criteria.PLURAL,
    kind=exit_criteria.KIND,
    selectors=_ALL,
    verbs=_SEEN,
    status_verbs=("patch",),
)
CLUSTER_EXIT_CRITERIA: Final = Resource(
    group=GROUP,
    version=VERSION,
    plural=exit_criteria.CLUSTER_PLURAL,
    kind=exit_criteria.CLUSTER_KIND,
    namespaced=False,
    selectors=_ALL,
    verbs=_SEEN,
    status_verbs=("patch",),
)
REPLICA_SET: Final = Resource(
    group="apps",
    version="v1",
    plural="replicasets",
    kind="ReplicaSet",
    selectors=_BY_LABEL,
    verbs=_OURS,
)
CONTROLLER_REVISION: Final = Resource(
    group="apps",
    version="v1",
    plural="controllerrevisions",
    kind="ControllerRevision",
    selectors=_BY_LABEL,
    verbs=_OURS,
    body=YAML,
    patch=MERGE,
)
"""The API server compares its immutable data byte by byte: sent as JSON it is kept as we wrote it
and differs from the server's own form in every later patch, so that not even the garbage collector
could orphan it. Sent as YAML it is put into that form at once. Its data is what it is: only labels
are patched."""
SERVICE: Final = Resource(
    group="",
    version="v1",
    plural="services",
    kind="Service",
    selectors=_BY_LABEL,
    verbs=_OURS,
)
POD_DISRUPTION_BUDGET: Final = Resource(
    group="policy",
    version="v1",
    plural="poddisruptionbudgets",
    kind="PodDisruptionBudget",
    selectors=_BY_LABEL,
    verbs=_OURS,
)
POD: Final = Resource(
    group="",
    version="v1",
    plural="pods",
    kind="Pod",
    selectors=_BY_LABEL,
    verbs=(*_SEEN, "create", "delete"),  # create: only ever as a dry run
)
CONFIG_MAP: Final = Resource(
    group="",
    version="v1",
    plural="configmaps",
    kind="ConfigMap",
    selectors=_BY_LABEL,  # users' own are watched where a revision reads one
    verbs=_OURS,
)
AUTOSCALER: Final = Resource(
    group="autoscaling",
    version="v2",
    plural="horizontalpodautoscalers",
    kind="HorizontalPodAutoscaler",
    selectors=_ALL,
    verbs=_SEEN,
)

RESOURCES: Final = (
    MODEL_DEPLOYMENT,
    DECISION,
    EXIT_CRITERIA,
    CLUSTER_EXIT_CRITERIA,
    REPLICA_SET,
    CONTROLLER_REVISION,
    SERVICE,
    POD_DISRUPTION_BUDGET,
    POD,
    CONFIG_MAP,
    AUTOSCALER,
    Resource(group="", version="v1", plural="secrets", kind="Secret", verbs=_SEEN),
    Resource(group="", version="v1", plural="events", kind="Event", verbs=("create", "list")),
    Resource(
        group="coordination.k8s.io",
        version="v1",
        plural="leases",
        kind="Lease",
        verbs=("create", "get", "update"),
        named=True,
    ),
)

BY_KIND: Final = {it.kind: it for it in RESOURCES}
"""Of the kinds that are read or written."""
