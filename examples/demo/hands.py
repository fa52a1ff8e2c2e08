"""Touches the cluster for the demo: kubectl, and the caller's log as it grows. Decides nothing."""

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from examples.caller.caller import Second
from examples.demo.errors import DemoError
from examples.demo.look import Look, read
from examples.demo.people import Person
from tests.cluster import Cluster, ClusterError
from tests.cluster.shell import run

Manifest = dict[str, Any]


class Hands:
    """kubectl in one namespace."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        own = cluster.state / "bin" / "kubectl"
        program = str(own) if own.exists() else shutil.which("kubectl")
        if program is None:
            raise DemoError("the demo needs the program kubectl, which is not on PATH")
        self._words = [program, "--kubeconfig", str(cluster.kubeconfig), "--namespace", namespace]
        self._namespace = namespace

    def apply(self, *objects: Manifest, by: Person | None = None) -> None:
        """Apply, as ``by`` where somebody is named, else with all rights."""
        many = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        words = ("apply", "--filename=-", *_as(by))
        self._run(*words, stdin=json.dumps(many), what="applying a manifest")

    def create(self, manifest: Manifest, by: Person) -> None:
        words = ("create", "--filename=-", *_as(by))
        self._run(*words, stdin=json.dumps(manifest), what=f"creating it as {by.name}")

    def refusal(self, manifest: Manifest, by: Person) -> str:
        """Why the API server refuses that ``by`` creates it, in the words of its policy.

        Raises:
            DemoError: It does not.
        """
        try:
            self.create(manifest, by)
        except ClusterError as error:
            return str(error).rpartition("denied request: ")[2]
        raise DemoError(f"{by.name} was allowed to create a {manifest['kind']} and must not be")

    def clear(self) -> None:
        """Take away what an earlier demo left."""
        gone = ("namespace", self._namespace, "--ignore-not-found", "--timeout=120s")
        self._run("delete", *gone, what=f"deleting namespace {self._namespace}")

    def wait_for(self, name: str) -> None:
        """Wait until somebody made ``name``, ``kind/name``."""
        self._run("wait", "--for=create", name, "--timeout=60s", what=f"waiting for {name}")

    def stop(self, pod: str) -> None:
        self._run("delete", "pod", pod, "--ignore-not-found", what=f"stopping {pod}")

    def look(self, name: str) -> Look:
        """The ModelDeployment ``name`` and the pods around it."""
        kinds = (f"modeldeployments.lockstep.dev/{name}", "--output=json")
        deployment = json.loads(self._run("get", *kinds, what="looking at the rollout"))
        pods = json.loads(self._run("get", "pods", "--output=json", what="looking at the pods"))
        return read(deployment, pods["items"], time.time())

    def _run(self, *words: str, what: str, stdin: str = "") -> str:
        return run([*self._words, *words], what=what, stdin=stdin, timeout_seconds=150)

    @contextmanager
    def listening(self, pod: str) -> Iterator["Log"]:
        """The caller's lines, from the first on, for as long as the block runs."""
        log = Log([*self._words, "logs", "--follow", pod])
        log.start()
        try:
            yield log
        finally:
            log.close()


def _as(person: Person | None) -> tuple[str, ...]:
    """The words that make kubectl speak as somebody else, who has no rights but their own."""
    if person is None:
        return ()
    groups = (*person.groups, "system:authenticated")
    return (f"--as={person.name}", *(f"--as-group={group}" for group in groups))


class Log:
    """What the caller says. A stream that breaks is read again from its beginning."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._seconds: tuple[Second, ...] = ()
        self._over = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def seconds(self) -> tuple[Second, ...]:
        return self._seconds

    def close(self) -> None:
        self._over.set()
        if self._process:
            self._process.terminate()
        self._thread.join(timeout=10)

    def _read(self) -> None:
        while not self._over.is_set():
            said: list[Second] = []
            with subprocess.Popen(  # noqa: S603 - kubectl, with words of our own
                self._words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            ) as self._process:
                for line in self._process.stdout or ():
                    said.append(Second.read(line))
                    if len(said) > len(self._seconds):
                        self._seconds = tuple(said)
            self._over.wait(1)
