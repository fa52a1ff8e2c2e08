"""Names of what we create: derived, never stored, short enough for every label."""

import re
from typing import Final

_CHILD: Final = re.compile(r"(.+)-[0-9a-f]{8}")


def child_name(name: str, revision: str) -> str:
    """Name of a revision's ReplicaSet and of its ControllerRevision: ``fraud-7f9c2b1e``."""
    return f"{name}-{revision}"


def preview_name(name: str) -> str:
    """Name of the Service that reaches only the candidate: ``fraud-candidate``."""
    return f"{name}-candidate"


def owner_of(child: str) -> str:
    """Name of the ModelDeployment that a child of this name may belong to, or empty."""
    found = _CHILD.fullmatch(child)
    return found[1] if found else ""
