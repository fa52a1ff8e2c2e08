"""Fake nodes for tests of scale: KWOK says that they are Ready and that their pods run."""

import json
import os
from typing import Any

from tests.cluster.model import Cluster
from tests.cluster.shell import run

MARK = "kwok.x-k8s.io/node"
SELECTOR = "lockstep.dev/fake-node=true"


def node_name(number: int) -> str:
    return f"fake-{number:04}"


def fake_node(number: int) -> dict[str, Any]:
    """A Node that only pods with a toleration for ``kwok.x-k8s.io/node`` are put on."""
    name = node_name(number)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {MARK: "fake"},
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                **dict([SELECTOR.split("=", 1)]),
            },
        },
        "spec": {"taints": [{"key": MARK, "value": "fake", "effect": "NoSchedule"}]},
    }


def kwok_nodes(cluster: Cluster, count: int) -> list[str]:
    """See to it that there are exactly ``count`` fake nodes, all Ready.

    Needs a cluster that was brought up with ``--with kwok``.

    Returns:
        Their names.
    """
    kubectl = ["kubectl", "--kubeconfig", str(cluster.kubeconfig)]
    environment = path_with_kubectl(cluster)
    names = [node_name(number) for number in range(count)]
    listed = run(
        [*kubectl, "get", "nodes", "--selector", SELECTOR, "--output", "name"],
        what="listing fake nodes",
        env=environment,
    )
    if extra := sorted({line.removeprefix("node/") for line in listed.split()} - set(names)):
        run([*kubectl, "delete", "node", *extra], what="removing fake nodes", env=environment)
    if names:
        nodes = {
            "apiVersion": "v1",
            "kind": "List",
            "items": [fake_node(number) for number in range(count)],
        }
        run(
            [*kubectl, "apply", "--server-side", "--filename", "-"],
            what="making fake nodes",
            stdin=json.dumps(nodes),
            env=environment,
        )
        run(
            [
                *kubectl,
                "wait",
                "--for=condition=Ready",
                "node",
                "--selector",
                SELECTOR,
                "--timeout=60s",
            ],
            what="waiting for fake nodes (was the cluster brought up with --with kwok?)",
            env=environment,
        )
    return names


def path_with_kubectl(cluster: Cluster) -> dict[str, str]:
    """An environment in which the cluster's own kubectl, if it has one, comes first."""
    return {"PATH": f"{cluster.state / 'bin'}:{os.environ.get('PATH', '')}"}
