"""A revision's own copy of a ConfigMap that its pods read. Immutable: it stays what it was."""

from typing import Any, Final

from lockstep.api.base import OWN_PREFIX, Manifest
from lockstep.core.rollout.actions import StoreConfig
from lockstep.core.rollout.children.owner import Owner, metadata

SOURCE: Final = f"{OWN_PREFIX}source"
DIGEST: Final = f"{OWN_PREFIX}digest"
_CONTENT: Final = ("binaryData", "data")


def config_map(owner: Owner, wanted: StoreConfig, source: Manifest) -> Manifest:
    """Render the copy; the annotations say of what, the content is ``source``'s."""
    of = metadata(owner, wanted.name, wanted.revision)
    told = {SOURCE: wanted.source, DIGEST: wanted.digest}
    content: dict[str, Any] = {field: source[field] for field in _CONTENT if source.get(field)}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {**of, "annotations": {**of.get("annotations", {}), **told}},
        "immutable": True,
        **content,
    }
