"""ConfigMaps and Secrets, cut down to what stands for their content. The content is not kept."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lockstep.adapters.kubernetes.meta import Meta, last_client, meta
from lockstep.adapters.kubernetes.model_deployments import ModelDeploymentRecord
from lockstep.api.base import Manifest
from lockstep.api.model_deployment_status import SecretSeen
from lockstep.core import config
from lockstep.core.config import Kind
from lockstep.core.facts import ConfigEdit, Unreadable
from lockstep.core.rollout.children.config_map import SOURCE
from lockstep.core.rollout.observed import ConfigCopy, StoredRevision


@dataclass(frozen=True, slots=True)
class CopyRecord:
    """``copy`` is None when the object does not say of what it is a copy."""

    meta: Meta
    copy: ConfigCopy | None


def prune(raw: Manifest) -> CopyRecord:
    """Read a ConfigMap of ours; its digest is that of what it holds, whatever it says of itself.

    What has no owner is nobody's copy, and is not looked into: anybody may set a label.
    """
    known = meta(raw)
    source = (raw["metadata"].get("annotations") or {}).get(SOURCE)
    if not source or not known.owner_uid:
        return CopyRecord(known, None)
    return CopyRecord(
        known,
        ConfigCopy(
            name=known.name,
            revision=known.revision,
            source=source,
            digest=config.digest(raw),
            keys=config.keys(raw),
        ),
    )


@dataclass(frozen=True, slots=True)
class Content:
    """The digest of a user's ConfigMap, and what is told of a change of it."""

    digest: str
    edit: ConfigEdit = field(default=ConfigEdit((), ""), compare=False)


def templates(
    record: ModelDeploymentRecord, stored: Iterable[StoredRevision]
) -> Iterator[Manifest]:
    """The pod templates whose config matters, with the names that the user wrote.

    The spec's comes first. Stable goes on reading its Secrets whatever the spec says now, and
    another revision may be asked for by name.
    """
    yield record.template
    named = {record.wire.get(arm, {}).get("revision") for arm in ("stable", "candidate")}
    if not isinstance(record.spec, Unreadable):
        named.add(record.spec.rollback_to)
    for revision in stored:
        if revision.revision in named:
            yield revision.inputs.get("template", {})


Sighting = Content | SecretSeen | None
"""What is known of one object of a user's; None: there is none."""


def sighting(kind: Kind, raw: Manifest | None) -> Sighting:
    """Read what a watch by name has shown."""
    if raw is None:
        return None
    if kind is Kind.CONFIG_MAP:
        return Content(config.digest(raw), ConfigEdit(config.keys(raw), last_client(raw)))
    metadata = raw["metadata"]
    return SecretSeen(
        name=metadata["name"], uid=metadata["uid"], version=metadata["resourceVersion"]
    )
