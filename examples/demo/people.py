"""Who decides in the demo, and in what words. Nobody's rights are known here: the cluster knows."""

from dataclasses import dataclass
from typing import Any

from examples.demo import manifests

Manifest = dict[str, Any]

GROUP = "ml-fraud"


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the cluster, and the groups that its identity provider says they are in."""

    name: str
    groups: tuple[str, ...] = (GROUP,)

    @property
    def first_name(self) -> str:
        return self.name.partition("@")[0].capitalize()


DANA, ALICE, BOB = (Person(f"{name}@example.com") for name in ("dana", "alice", "bob"))


def approval(person: Person, revision: str) -> Manifest:
    """What ``person`` creates to approve ``revision``: the example's manifest, filled in."""
    decision = manifests.rendered(manifests.APPROVAL_FILE, {})
    filled = {"revision": revision, "by": person.name, "groups": [*person.groups]}
    return {**decision, "spec": {**decision["spec"], **filled}}
