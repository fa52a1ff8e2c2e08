"""Objects of which everything is kept that a router may read: few, and small."""

from dataclasses import dataclass
from typing import Any

from lockstep.adapters.kubernetes.meta import Meta, last_client, meta
from lockstep.api.base import Manifest


@dataclass(frozen=True, slots=True)
class WholeRecord:
    """``client``: through what anybody else wrote it last."""

    meta: Meta
    body: Manifest
    client: str = ""


def prune(raw: Manifest) -> WholeRecord:
    """Read an object; who wrote which of its fields is half of it, and not kept."""
    metadata: dict[str, Any] = {
        key: value for key, value in raw["metadata"].items() if key != "managedFields"
    }
    return WholeRecord(meta(raw), {**raw, "metadata": metadata}, last_client(raw))
