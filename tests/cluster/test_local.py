"""The local cluster, for real: it mends what is killed and closes what it calls isolated."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import Cluster, base_image, build_image, kwok_nodes, start, stop, up
from tests.cluster.local.layout import NODE, NODE_NAME
from tests.cluster.processes import Book, alive

pytestmark = pytest.mark.cluster

COMPONENTS = (
    "etcd",
    "kube-apiserver",
    "registry",
    "containerd",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "coredns",
    "prometheus",
)
NAMESPACE = "cluster-test"
WITHIN_SECONDS = 90.0
SERVE = """\
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(b"hits 1\\n")
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""
REACH = """\
import socket, sys
for target in sys.argv[1:]:
    host, port = target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 2).close()
        print(target, "reached")
    except OSError as error:
        print(target, error)
"""


def kubectl(cluster: Cluster, *words: str, stdin: str = "") -> str:
    done = subprocess.run(
        [cluster.state / "bin" / "kubectl", "--kubeconfig", cluster.kubeconfig, *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def until(what: str, found: Callable[[], object]) -> Any:
    """The first answer that says something, or a failure that names what was waited for."""
    limit = time.monotonic() + WITHIN_SECONDS
    while time.monotonic() < limit:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if answer := found():
                return answer
        time.sleep(0.2)
    pytest.fail(f"waited {WITHIN_SECONDS:.0f} s for {what}")


def get(host: str, port: int, path: str = "/") -> str:
    asked = http.client.HTTPConnection(host, port, timeout=3)
    try:
        asked.request("GET", path)
        return asked.getresponse().read().decode()
    finally:
        asked.close()


def pod(name: str, image: str, script: str, *arguments: str, **spec: object) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": image,
        "command": ["python3", "-c", script, *arguments],
        "securityContext": {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    safe = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": safe,
            "containers": [container],
            **spec,
        },
    }


def web(image: str) -> list[dict[str, Any]]:
    """A served pod with the labels and annotations of a candidate, behind a Service."""
    served = pod("web", image, SERVE)
    served["metadata"] |= {
        "labels": {
            "app": "web",
            "lockstep.dev/deployment": "fraud",
            "lockstep.dev/revision": "7f9c2b1e",
        },
        "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": NAMESPACE},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    return [served, service]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    found = up()
    assert found.flavor == "local", "these tests are about the local flavor"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    kubectl(found, "apply", "-f", "-", stdin=json.dumps(namespace))
    accounts = ("get", "serviceaccounts", "--namespace", NAMESPACE, "--output", "name")
    until("the namespace's ServiceAccount", lambda: kubectl(found, *accounts))
    apply(found, *web(base_image(found)))
    kubectl(found, "wait", "--for=condition=Ready", "pod/web", "-n", NAMESPACE, "--timeout=60s")
    yield found
    kubectl(found, "delete", "namespace", NAMESPACE, "--timeout=60s")


def apply(cluster: Cluster, *objects: dict[str, Any]) -> None:
    kubectl(cluster, "apply", "-f", "-", stdin=yaml.safe_dump_all(objects))


def seen(cluster: Cluster, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(
        kubectl(cluster, "get", "pod", name, "-n", NAMESPACE, "-o", "json")
    )
    return answer


def pids(cluster: Cluster) -> dict[str, int]:
    book = Book(cluster.state)
    running = {name: book.process(name) for name in COMPONENTS}
    return {name: known.pid for name, known in running.items() if known}


def test_a_second_up_changes_nothing(cluster: Cluster) -> None:
    before, began = pids(cluster), time.monotonic()
    up()
    print(f"second up: {time.monotonic() - began:.1f} s")
    assert set(before) == set(COMPONENTS)
    assert pids(cluster) == before


@pytest.mark.parametrize("victim", COMPONENTS)
def test_up_mends_what_was_killed_while_the_pod_keeps_answering(
    cluster: Cluster, victim: str
) -> None:
    known = Book(cluster.state).process(victim)
    was = seen(cluster, "web")
    assert known is not None

    os.kill(known.pid, signal.SIGKILL)
    until(f"the end of {victim}", lambda: not alive(known))
    assert until("the pod to answer", lambda: get(was["status"]["podIP"], 8080)) == "hits 1\n"
    began = time.monotonic()
    up()
    print(f"{victim} mended in {time.monotonic() - began:.1f} s")

    now = seen(cluster, "web")
    assert until("the pod to answer", lambda: get(now["status"]["podIP"], 8080)) == "hits 1\n"
    assert now["metadata"]["uid"] == was["metadata"]["uid"]
    assert now["status"]["containerStatuses"][0]["restartCount"] == 0
    assert set(pids(cluster)) == set(COMPONENTS)


def test_a_service_answers_by_its_name_and_pods_reach_prometheus(cluster: Cluster) -> None:
    targets = (f"web.{NAMESPACE}:80", f"web.{NAMESPACE}.svc.cluster.local:80", f"{NODE}:9090")
    said = reach(cluster, "open", targets)
    assert said == [f"{target} reached" for target in targets]


def test_an_isolated_pod_reaches_nothing_and_nobody(cluster: Cluster) -> None:
    ip = seen(cluster, "web")["status"]["podIP"]
    open_to_all = ("10.96.0.1:443", f"{NODE}:53", f"{NODE}:5000", f"{NODE}:10250", f"{ip}:8080")
    assert reach(cluster, "control", open_to_all) == [f"{one} reached" for one in open_to_all]

    sealed = pod("sealed-peer", base_image(cluster), SERVE, runtimeClassName="isolated")
    apply(cluster, sealed)
    kubectl(cluster, "wait", "--for=condition=Ready", "pod/sealed-peer", "-n", NAMESPACE)
    peer = seen(cluster, "sealed-peer")["status"]["podIP"]
    targets = (*open_to_all, "198.51.100.1:443", f"{peer}:8080", "10.245.0.1:10250")
    said = reach(cluster, "sealed", targets, runtimeClassName="isolated")
    assert len(said) == len(targets)
    assert not [line for line in said if line.endswith("reached")]
    assert all("unreachable" in line for line in said[: len(open_to_all) + 1])


def reach(cluster: Cluster, name: str, targets: tuple[str, ...], **spec: object) -> list[str]:
    """What a pod says that tries to connect to each of ``targets``."""
    trying = pod(name, base_image(cluster), REACH, *targets, restartPolicy="Never", **spec)
    apply(cluster, trying)
    until(f"pod {name} to end", lambda: seen(cluster, name)["status"]["phase"] == "Succeeded")
    return kubectl(cluster, "logs", name, "-n", NAMESPACE).splitlines()


@pytest.mark.usefixtures("cluster")
def test_prometheus_sees_annotated_pods_under_our_names() -> None:
    query = 'hits{model_deployment="fraud", revision="7f9c2b1e"}'

    def answer() -> list[dict[str, Any]]:
        told = get(NODE, 9090, "/api/v1/query?" + urllib.parse.urlencode({"query": query}))
        found: list[dict[str, Any]] = json.loads(told)["data"]["result"]
        return found

    series = until("Prometheus to scrape the pod", answer)
    labels = [one["metric"] for one in series]
    assert [(one["namespace"], one["pod"]) for one in labels] == [(NAMESPACE, "web")]


def test_prometheus_can_be_stopped_and_started(cluster: Cluster) -> None:
    stop(cluster, "prometheus")
    with pytest.raises(OSError, match="refused"):
        get(NODE, 9090, "/-/ready")
    start(cluster, "prometheus")
    assert "Ready" in get(NODE, 9090, "/-/ready")


def test_the_node_takes_an_extended_resource(cluster: Cluster) -> None:
    patch = '{"status": {"capacity": {"example.com/gpu": "2"}}}'
    words = ("patch", "node", NODE_NAME, "--subresource=status", "--type=merge", "-p")
    kubectl(cluster, *words, patch)
    seen_by_scheduler = ("get", "node", NODE_NAME, "-o", "jsonpath={.status.allocatable}")
    until("it to be allocatable", lambda: "example.com/gpu" in kubectl(cluster, *seen_by_scheduler))
    kubectl(cluster, *words, patch.replace('"2"', "null"))


def test_the_audit_log_names_who_asked(cluster: Cluster) -> None:
    lines = list(cluster.audit_lines())
    events = [json.loads(line) for line in lines[-500:]]
    assert {event["stage"] for event in events} == {"ResponseComplete"}
    assert any(event.get("userAgent", "").startswith("kubelet/v1.36") for event in events)


def test_fake_nodes_are_ready_on_request_and_go_again(cluster: Cluster) -> None:
    was_there = Book(cluster.state).process("kwok") is not None
    up(["kwok"])
    try:
        assert kwok_nodes(cluster, 3) == ["fake-0000", "fake-0001", "fake-0002"]
        nodes = kubectl(cluster, "get", "nodes", "--output", "name").split()
        assert sorted(nodes) == [f"node/fake-000{number}" for number in range(3)] + [
            f"node/{NODE_NAME}"
        ]
        assert kwok_nodes(cluster, 0) == []
    finally:
        if not was_there:
            stop(cluster, "kwok")


def test_an_image_is_built_once_and_named_by_digest(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY greeting /\n")
    greeting = tmp_path / "greeting"
    arguments = {"BASE_IMAGE": base_image(cluster)}
    references = []
    for text in ("hello", "hello", "goodbye", "hello"):
        greeting.write_text(text)
        references.append(build_image(cluster, "cluster-test", tmp_path, args=arguments))
    assert references[0] == references[1] == references[3] != references[2]
    assert references[0].startswith(f"{cluster.registry}/cluster-test@sha256:")
