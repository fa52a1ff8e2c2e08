"""The caller as a pod: any image with Python runs it, the program itself comes in a ConfigMap."""

from pathlib import Path
from typing import Any

from examples.caller.caller import Load

PROGRAM = Path(__file__).with_name("caller.py")
Manifest = dict[str, Any]


def manifests(name: str, namespace: str, image: str, load: Load) -> tuple[Manifest, Manifest]:
    """A ConfigMap and a Pod that carries ``load`` out once and then stays, completed.

    Args:
        name: Of both objects.
        namespace: Where they go.
        image: Anything with ``python3`` 3.11 or newer.
        load: What it asks; bounded, so the pod ends by itself.
    """
    metadata = {"name": name, "namespace": namespace, "labels": {"app": name}}
    program = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {PROGRAM.name: PROGRAM.read_text()},
    }
    return program, {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 15,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [_container(image, load)],
            "volumes": [{"name": "program", "configMap": {"name": name}}],
        },
    }


def command(load: Load) -> list[str]:
    """The command line that says the same as ``load``."""
    return [
        "python3",
        f"/caller/{PROGRAM.name}",
        load.url,
        f"--body={load.body}",
        f"--new-per-second={load.new_per_second:g}",
        f"--kept={load.kept}",
        f"--kept-per-second={load.kept_per_second:g}",
        f"--seconds={load.seconds:g}",
        f"--timeout-seconds={load.timeout_seconds:g}",
    ]


def _container(image: str, load: Load) -> Manifest:
    return {
        "name": "caller",
        "image": image,
        "command": command(load),
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"memory": "256Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "program", "mountPath": "/caller", "readOnly": True}],
    }
