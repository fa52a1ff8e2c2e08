"""A child ReplicaSet as it stands in the cluster."""

from dataclasses import dataclass, replace

from lockstep.adapters.kubernetes import drift
from lockstep.adapters.kubernetes.meta import (
    Meta,
    condition,
    created,
    instant,
    last_client,
    meta,
    only_ours,
    overwritten,
    overwritten_since,
)
from lockstep.adapters.sharing import like
from lockstep.api.base import EDITED_ANNOTATION, SURPLUS_ANNOTATION, Manifest
from lockstep.api.failures import FailureReason
from lockstep.core import names
from lockstep.core.facts import Trouble
from lockstep.core.refusals import REASONS, Cause, cause
from lockstep.core.rollout.observed import ChildReplicaSet, Span

_DIGITS = 6  # of more pods than a cluster has


@dataclass(frozen=True, slots=True)
class ReplicaSetRecord:
    """``body`` keeps the fields that are ours as they stand, to be compared with what we render.

    Of what only carries our label nothing is kept: anybody may set one, on objects of a MiB.
    ``only_ours``: nobody else has written its template since it was made. ``client``: through what
    anybody else wrote it last.
    """

    meta: Meta
    child: ChildReplicaSet
    body: Manifest
    only_ours: bool = False
    client: str = ""


def prune(raw: Manifest) -> ReplicaSetRecord:
    """Read what a revision's pods come from.

    ``drifted`` tells only whether somebody else scaled it; what we would render is not known here.
    ``available`` is taken even from a status that lags behind the last change: the pods it counts
    are still there, and a 0 in between would look like an outage.
    """
    known, spec, status = meta(raw), raw["spec"], raw.get("status", {})
    replicas = spec.get("replicas", 1)
    surplus, edited = min(_surplus(raw), replicas), _edited(raw)
    return ReplicaSetRecord(
        meta=known,
        child=ChildReplicaSet(
            name=known.name,
            uid=known.uid,
            revision=known.revision,
            replicas=replicas - surplus,
            surplus=surplus,
            available=status.get("availableReplicas", 0),
            terminating=known.terminating,
            drifted=overwritten(raw, "replicas"),
            edit=overwritten_since(raw, "template", edited[1] if edited else None),
            edited=edited,
            create_failure=_create_failure(raw),
            created=created(raw),
        ),
        body=drift.part(raw, drift.REPLICA_SET if _may_be_ours(known) else ()),
        only_ours=only_ours(raw, "template"),
        client=last_client(raw),
    )


def renew(known: ReplicaSetRecord, raw: Manifest) -> ReplicaSetRecord:
    """Read it again: of one generation the template is the same, and stays the shared one."""
    said = known.body["spec"].get("template")
    if said is None or not _is_of_generation(raw, known.meta):
        return prune(raw)
    return prune({**raw, "spec": {**raw["spec"], "template": said}})


def _is_of_generation(raw: Manifest, known: Meta) -> bool:
    now = raw["metadata"]
    return (now.get("uid"), now.get("generation")) == (known.uid, known.generation)


def sharing(record: ReplicaSetRecord, known: Manifest) -> ReplicaSetRecord:
    """The same record, of whose template no more is its own than differs from ``known``."""
    spec = record.body["spec"]
    if "template" not in spec:
        return record
    shared = {**spec, "template": like(spec["template"], known)}
    return replace(record, body={**record.body, "spec": shared})


def _may_be_ours(known: Meta) -> bool:
    child = names.child_name(known.parent_name, known.revision)
    return known.owner_uid != "" and known.name == child


def _surplus(raw: Manifest) -> int:
    """0 too where somebody wrote what is no number of pods."""
    text = _note(raw, SURPLUS_ANNOTATION)
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else 0


def _edited(raw: Manifest) -> Span | None:
    """None too where somebody wrote what is no span of time."""
    try:
        since, until = map(instant, _note(raw, EDITED_ANNOTATION).split("/"))
    except ValueError:
        return None
    return (since, until) if since.tzinfo and until.tzinfo else None


def _note(raw: Manifest, name: str) -> str:
    return str((raw["metadata"].get("annotations") or {}).get(name, ""))


def _create_failure(raw: Manifest) -> Trouble | None:
    failure = condition(raw, "ReplicaFailure")
    current = raw.get("status", {}).get("observedGeneration") == raw["metadata"].get("generation")
    if not current or failure.get("status") != "True" or failure.get("reason") != "FailedCreate":
        return None
    message = failure.get("message", "")
    return Trouble(create_failure_reason(message), message)


def create_failure_reason(message: str) -> FailureReason:
    """Sort the API server's refusal to create a pod by what a person has to do about it."""
    by = cause(message)
    if by is not Cause.SPEC:
        return REASONS[by]
    if "violates PodSecurity" in message:
        return FailureReason.POD_SECURITY
    if "serviceaccount" in message and "not found" in message:
        return FailureReason.SERVICE_ACCOUNT_MISSING
    return FailureReason.FAILED_CREATE
