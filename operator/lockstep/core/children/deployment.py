"""The Deployment of one revision, and one Pod of it for a dry run.

Its template never changes but for the time of the last restart.
"""

from datetime import UTC, datetime

from lockstep.api.base import RESTARTED_ANNOTATION, Manifest
from lockstep.core import names
from lockstep.core.children.owner import Owner, labels, metadata
from lockstep.core.plan import PutDeployment

NO_DEADLINE = 2**31 - 1
"""By which Kubernetes knows a Deployment whose progress it need not watch."""

__all__ = ["Owner", "deployment", "pod", "put"]


def deployment(
    owner: Owner, revision: str, template: Manifest, replicas: int, min_ready_seconds: int
) -> Manifest:
    """Render the Deployment of ``revision``.

    ``template`` is the stored one: a revision's pods are what they were on the first day. The old
    ReplicaSets that a Deployment keeps for its own rollbacks would never be used. Progress is ours
    to judge: a Deployment without a deadline of its own writes half as many statuses.
    """
    name = names.deployment_name(owner.key.name, revision)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(owner, name, revision),
        "spec": {
            "replicas": replicas,
            "minReadySeconds": min_ready_seconds,
            "progressDeadlineSeconds": NO_DEADLINE,
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": labels(owner, revision)},
            "template": template,
        },
    }


def put(owner: Owner, wanted: PutDeployment) -> Manifest:
    """Render a Deployment as planned; a restart is its own rolling update.

    The way of updating is said from the first restart on: before, nothing would ever use it, and
    every child of an earlier operator would have to be written once.
    """
    rendered = deployment(
        owner, wanted.revision, wanted.template, wanted.replicas, wanted.min_ready_seconds
    )
    if wanted.restarted_at is None:
        return rendered
    template = restarted(wanted.template, wanted.restarted_at)
    strategy = {"type": "RollingUpdate", "rollingUpdate": _pace(wanted.replicas, wanted.surge)}
    return {**rendered, "spec": {**rendered["spec"], "template": template, "strategy": strategy}}


def restarted(template: Manifest, at: datetime) -> Manifest:
    """The stored template with the time of the restart, by which new pods differ from old ones."""
    metadata = template.get("metadata", {})
    text = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    notes = {**(metadata.get("annotations") or {}), RESTARTED_ANNOTATION: text}
    return {**template, "metadata": {**metadata, "annotations": notes}}


def _pace(replicas: int, surge: int) -> Manifest:
    """A restart needs no more room than a rollout does, and leaves no fewer pods than it."""
    if surge == 0 and replicas > 1:
        return {"maxSurge": 0, "maxUnavailable": 1}
    return {"maxSurge": max(surge, 1), "maxUnavailable": 0}


def pod(owner: Owner, revision: str, template: Manifest) -> Manifest:
    """One Pod as the Deployment's controller would make it, to be tried and not stored."""
    name = names.deployment_name(owner.key.name, revision)
    written = {key: value for key, value in template.get("metadata", {}).items() if value}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **written,
            "generateName": f"{name}-",
            "namespace": owner.key.namespace,
        },
        "spec": template["spec"],
    }
