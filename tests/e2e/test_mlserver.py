"""The example for MLServer on the real server: its image, its metrics, its manifests.

Only what takes time is cut: minutes of soak and of look-back are seconds here, where a scrape comes
every second.
"""

from pathlib import Path
from typing import Final

import pytest
import yaml

from examples.caller import pod
from examples.caller.caller import Load
from tests.cluster import Cluster, base_image, build_image, wheelhouse
from tests.e2e.lab import Lab
from tests.e2e.manifests import NAME, Manifest
from tests.e2e.states import healthy, rolled_back

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "mlserver"
SERVER: Final = "registry.example.com/mirror/mlserver:1.7.1-sklearn"
MODEL: Final = "registry.example.com/ml/iris-mlserver:1.0.0"
VIRGINICA: Final = "6.3, 3.3, 6.0, 2.5"
SETOSA: Final = "5.1, 3.5, 1.4, 0.2"
SHORTER: Final = {
    "exit-criteria.yaml": {
        "count: 500": "count: 50",
        "interval: 30s": "interval: 2s",
        "initialDelay: 1m": "initialDelay: 6s",
        "[2m]": "[8s]",
    },
    "model-deployment.yaml": {"soak: 5m": "soak: 10s"},
}


def server_image(cluster: Cluster) -> str:
    lock = EXAMPLE / "requirements.lock"
    return build_image(
        cluster,
        "ml/mlserver",
        args={"BASE_IMAGE": base_image(cluster)},
        files={
            "Dockerfile": EXAMPLE / "Dockerfile",
            lock.name: lock,
            "wheels": wheelhouse(lock),
        },
    )


def model(cluster: Cluster, server: str, version: str) -> str:
    return build_image(
        cluster,
        "ml/iris-mlserver",
        args={"SERVER_IMAGE": server, "VERSION": version},
        files={"Dockerfile": EXAMPLE / "Dockerfile.model", "train.py": EXAMPLE / "train.py"},
    )


def shipped(lab: Lab, name: str) -> Manifest:
    """A manifest of the example, in this scenario's namespace and with less patience."""
    text = (EXAMPLE / name).read_text()
    for long, short in SHORTER[name].items():
        assert long in text, f"{name} says no longer {long!r}"
        text = text.replace(long, short)
    made: Manifest = yaml.safe_load(text)
    made["metadata"]["namespace"] = lab.namespace
    return made


def deployment(lab: Lab, server: str, version: str) -> Manifest:
    made = shipped(lab, "model-deployment.yaml")
    made["metadata"]["name"] = NAME
    made["spec"]["model"] |= {
        "version": version,
        "artifact": model(lab.world.cluster, server, version),
    }
    [container] = made["spec"]["template"]["spec"]["containers"]
    assert container["image"] == SERVER
    container["image"] = server
    return made


def call(lab: Lab, name: str, flower: str) -> None:
    """Ask about ``flower`` until the scenario is over."""
    smoke = shipped(lab, "model-deployment.yaml")["spec"]["smokeTest"]
    assert SETOSA in smoke["body"]
    load = Load(
        f"http://{NAME}{smoke['path']}",
        body=smoke["body"].replace(SETOSA, flower),
        new_per_second=15,
        kept=4,
        seconds=900,
    )
    lab.apply(*pod.manifests(name, lab.namespace, lab.image, load))


def test_a_good_model_gets_through_and_a_bad_one_does_not(lab: Lab) -> None:
    server = server_image(lab.world.cluster)
    lab.apply(shipped(lab, "exit-criteria.yaml"), deployment(lab, server, "1.0.0"))
    lab.until(healthy("1.0.0"), 120)
    call(lab, "setosa", SETOSA)
    call(lab, "virginica", VIRGINICA)

    lab.apply(deployment(lab, server, "2.0.0"))
    lab.until(healthy("2.0.0"), 180)

    lab.apply(deployment(lab, server, "3.0.0"))
    seen = lab.until(rolled_back("3.0.0", "GateFailed"), 120)
    lab.measured("version 3.0.0", seen["status"]["message"])
    assert "error-ratio" in seen["status"]["message"]
