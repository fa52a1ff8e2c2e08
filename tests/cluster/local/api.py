"""The few questions that bringing up a node asks its API server, over the standard library."""

import http.client
import json
import ssl
from dataclasses import dataclass
from typing import Any

from tests.cluster.control_plane import ControlPlane


@dataclass(frozen=True, slots=True)
class Api:
    """The API server of ``plane``, asked as its administrator."""

    plane: ControlPlane

    def get(self, path: str) -> dict[str, Any] | None:
        """The object at ``path``; None where there is none or nobody answers."""
        pki = self.plane.pki
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        asked = http.client.HTTPSConnection(
            self.plane.address, self.plane.port, timeout=5, context=context
        )
        try:
            asked.request("GET", path, headers={"User-Agent": "lockstep-cluster"})
            answer = asked.getresponse()
            found: dict[str, Any] = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            asked.close()
        return found if answer.status == http.client.OK else None


def is_ready(node: dict[str, Any] | None) -> bool:
    """Whether a Node says that it is Ready."""
    conditions = (node or {}).get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
