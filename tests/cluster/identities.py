"""Writes certificates and the kubeconfigs made of them for everybody who talks to an API server."""

from collections.abc import Sequence
from pathlib import Path

from tests.cluster.certificates import Leaf, issue
from tests.cluster.control_plane import ControlPlane, kubeconfig
from tests.cluster.model import write

OWNER_ONLY = 0o600


def introduce(plane: ControlPlane, leaves: Sequence[Leaf]) -> Path:
    """Issue ``leaves`` and a kubeconfig for each that is a client.

    Returns:
        The administrator's kubeconfig.
    """
    issue(plane.pki, leaves)
    for leaf in leaves:
        told, file = _kubeconfig(plane, leaf), plane.kubeconfig(leaf.name)
        if not file.exists() or file.read_text() != told:
            write(file, told, OWNER_ONLY)
    return plane.kubeconfig("admin")


def _kubeconfig(plane: ControlPlane, leaf: Leaf) -> str:
    return kubeconfig(
        plane.server,
        (plane.pki / "ca.crt").read_bytes(),
        (plane.pki / f"{leaf.name}.crt").read_bytes(),
        (plane.pki / f"{leaf.name}.key").read_bytes(),
    )
