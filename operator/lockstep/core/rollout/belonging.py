"""Whose a pod or a stored revision is. The only place that says so: labels and owner are no proof.

Anybody who may make pods in a namespace can give them our labels, and a ReplicaSet takes in what
matches its selector and has no controller yet. What was measured is what runs only as long as such
pods decide nothing: a pod of a revision is one that its ReplicaSet made from its template.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from enum import Enum
from typing import Final

from lockstep.api.base import TEMPLATE_ANNOTATION, Manifest
from lockstep.api.model_deployment_status import ModelDeploymentStatus
from lockstep.core.key import Key
from lockstep.core.names import child_name
from lockstep.core.pods import Pod
from lockstep.core.rollout.observed import Arm, ChildReplicaSet, StoredRevision

SKEW: Final = timedelta(seconds=30)
"""By how much the clocks of two API servers may differ; they stamp whole seconds."""


class Belonging(Enum):
    """``MADE`` from the template; ``ADOPTED``: the ReplicaSet counts it and did not make it.

    ``LEFT`` by a ReplicaSet that is gone: it goes as well. ``STRANGE``: somebody else's.
    """

    MADE = "made"
    ADOPTED = "adopted"
    LEFT = "left"
    STRANGE = "strange"


def belonging(pod: Pod, child: ChildReplicaSet | None, name: str, mark: str) -> Belonging:
    """Whose a pod is that carries the labels of a revision.

    Args:
        pod: The pod.
        child: What the revision has its pods from, if it is there.
        name: What that is called.
        mark: What the revision's template is marked with; empty: it is from before there was one.
    """
    if child and pod.owner_uid == child.uid:
        return Belonging.MADE if _made(child, pod, mark) else Belonging.ADOPTED
    once = pod.owner == name or pod.owner.startswith(f"{name}-")
    return Belonging.LEFT if pod.generated and once else Belonging.STRANGE


def _made(child: ChildReplicaSet, pod: Pod, mark: str) -> bool:
    """A ReplicaSet comes first, lets the name be generated, and copies the template."""
    early = child.created and pod.created and pod.created < child.created - SKEW
    return pod.generated and not early and mark in {"", pod.mark}


def is_own(of: Key, stored: StoredRevision, status: ModelDeploymentStatus) -> bool:
    """Whether a stored revision is ours: status says that it began, or nobody could forge it.

    Its owner is no proof: anybody may refer to one, and so have another template run in the name of
    a revision to come.
    """
    named = (status.stable, status.candidate, status.rejected, status.kept, *status.history)
    begun = any(it and it.revision == stored.revision for it in named)
    return stored.name == child_name(of.name, stored.revision) and (begun or stored.rendered)


def mark_of(template: Manifest) -> str:
    """What a rendered template is marked with, and so every pod that is made from it."""
    notes = (template.get("metadata") or {}).get("annotations") or {}
    return str(notes.get(TEMPLATE_ANNOTATION, ""))


def sorted_out(
    of: Key,
    pods: Iterable[Pod],
    children: Mapping[str, ChildReplicaSet],
    templates: Mapping[str, Manifest],
) -> tuple[dict[str, Arm], tuple[Pod, ...]]:
    """The arms of a ModelDeployment, and the pods beside them that only carry its label.

    Nobody is told of somebody else's pod that has failed: no caller meets it.
    """
    ours: dict[str, list[Pod]] = {}
    failed: dict[str, list[Pod]] = {}
    strangers = []
    for pod in pods:
        mark, name = mark_of(templates.get(pod.revision, {})), child_name(of.name, pod.revision)
        found = belonging(pod, children.get(pod.revision), name, mark)
        if pod.failed:
            if found is Belonging.MADE:
                failed.setdefault(pod.revision, []).append(pod)
        elif found is Belonging.STRANGE or not pod.revision:
            strangers.append(pod)
        else:
            made = found is Belonging.MADE
            ours.setdefault(pod.revision, []).append(pod if made else replace(pod, made=False))
    arms = {
        revision: Arm(
            revision=revision,
            replica_set=children.get(revision),
            pods=tuple(ours.get(revision, ())),
            failed=tuple(failed.get(revision, ())),
        )
        for revision in sorted({*ours, *children})
    }
    return arms, tuple(strangers)
