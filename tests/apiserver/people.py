"""People at a real API server: who they are, what they ask for, and the answer they get."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.apiserver.wire import Wire

Manifest = dict[str, Any]
GROUP = "/apis/lockstep.dev/v1alpha1"
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
DEADLINE = 90.0


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    body: Manifest

    @property
    def ok(self) -> bool:
        return self.code < 300

    @property
    def says(self) -> str:
        """Why not, without the policy's name in front."""
        return str(self.body.get("message", "")).rpartition(" denied request: ")[2]

    @property
    def author(self) -> str:
        annotations = self.body["metadata"].get("annotations") or {}
        return str(annotations.get("lockstep.dev/author", ""))

    @property
    def authors(self) -> list[str]:
        """Who had a hand in what runs."""
        annotations = self.body["metadata"].get("annotations") or {}
        return str(annotations.get("lockstep.dev/authors", "")).split("\n")

    @property
    def version(self) -> str:
        return str(self.body["metadata"]["resourceVersion"])


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a name and groups; without a name, the administrator."""

    wire: Wire
    name: str = ""
    groups: tuple[str, ...] = ()

    def ask(
        self, method: str, path: str, body: object = None, content_type: str = "application/json"
    ) -> Answer:
        headers = (("Content-Type", content_type), *self._impersonated())
        return Answer(*self.wire.send(method, path, body, headers))

    def must(self, method: str, path: str, body: object, content_type: str = MERGE) -> Answer:
        """Ask for what nobody refuses."""
        answer = self.ask(method, path, body, content_type)
        assert answer.ok, answer
        return answer

    def _impersonated(self) -> Iterator[tuple[str, str]]:
        if self.name:
            yield "Impersonate-User", self.name
            yield from (("Impersonate-Group", it) for it in (*self.groups, "system:authenticated"))


def until(what: str, answer: Callable[[], Answer], holds: Callable[[Answer], bool]) -> None:
    """Policies and their parameters take a moment: wait for the answer that names the state."""
    end = time.monotonic() + DEADLINE
    while not holds(last := answer()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {DEADLINE:g} s: {what}; last: {last}")
        time.sleep(0.05)
