"""The API server as tests ask it: kubectl for what users do, one kept connection for looking."""

import json
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from kubernetes import config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from tests.e2e.manifests import Manifest

RETRIES: Final = 20
RETRY_SECONDS: Final = 0.5
PATHS: Final[Mapping[str, str]] = {
    "ModelDeployment": "/apis/lockstep.dev/v1alpha1/{}/modeldeployments",
    "ReplicaSet": "/apis/apps/v1/{}/replicasets",
    "Deployment": "/apis/apps/v1/{}/deployments",
    "ControllerRevision": "/apis/apps/v1/{}/controllerrevisions",
    "Service": "/api/v1/{}/services",
    "PodDisruptionBudget": "/apis/policy/v1/{}/poddisruptionbudgets",
    "Pod": "/api/v1/{}/pods",
    "Event": "/api/v1/{}/events",
}


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl as people run it."""

    program: Path
    kubeconfig: Path

    def try_(
        self, *arguments: str, stdin: str = "", seconds: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run it; the caller looks at how it ended."""
        command = [str(self.program), "--kubeconfig", str(self.kubeconfig), *arguments]
        return subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=seconds, check=False
        )

    def __call__(self, *arguments: str, stdin: str = "", seconds: float = 120) -> str:
        """Run it, expecting that it works; gives what it prints."""
        ended = self.try_(*arguments, stdin=stdin, seconds=seconds)
        assert ended.returncode == 0, f"kubectl {' '.join(arguments)}: {ended.stderr}"
        return ended.stdout


class Api:
    """Cheap reads: a poll twice a second must not cost a process."""

    def __init__(self, kubeconfig: Path) -> None:
        self._client = config.new_client_from_config(str(kubeconfig))

    def close(self) -> None:
        self._client.close()

    def serves(self) -> bool:
        """Whether the API server answers, with all that it needs behind it."""
        try:
            return self._ask("/readyz") == "ok"
        except (ApiException, HTTPError):
            return False

    def find(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """One object; None when there is none."""
        try:
            found: Manifest = json.loads(self._get(f"{_path(kind, namespace)}/{name}"))
        except ApiException as error:
            if error.status == 404:
                return None
            raise
        return found

    def list(self, kind: str, namespace: str, labels: Mapping[str, str]) -> list[Manifest]:
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        query = urlencode({"labelSelector": selector})
        items: list[Manifest] = json.loads(self._get(f"{_path(kind, namespace)}?{query}"))["items"]
        return items

    def through(self, namespace: str, pod: str, path: str, method: str = "GET") -> str:
        """Ask a pod's port 8080 by way of the API server, which works from wherever tests run."""
        return self._get(f"{_path('Pod', namespace)}/{pod}:8080/proxy/{path}", method)

    def _get(self, path: str, method: str = "GET") -> str:
        """What is unwell for a moment is asked again, as everybody does who reads."""
        for _ in range(RETRIES if method == "GET" else 0):
            try:
                return self._ask(path, method)
            except ApiException as error:
                if error.status != 429 and error.status < 500:
                    raise
            except HTTPError:
                pass
            time.sleep(RETRY_SECONDS)
        return self._ask(path, method)

    def _ask(self, path: str, method: str = "GET") -> str:
        request = self._client.param_serialize(method, path, auth_settings=["BearerToken"])
        answer: Any = self._client.call_api(*request, _request_timeout=30)
        body: bytes = answer.read()
        if not 200 <= answer.status < 300:
            raise ApiException(status=answer.status, reason=answer.reason, body=body.decode())
        return body.decode()


def _path(kind: str, namespace: str) -> str:
    return PATHS[kind].format(f"namespaces/{namespace}")
