"""Compares the rights that the manifests grant with those that an audit log shows in use. Pure."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

Manifest = dict[str, Any]

ROLES = {"Role", "ClusterRole"}
DECISION = "authorization.k8s.io/decision"
REASON = "authorization.k8s.io/reason"
EVERYBODYS = 'of ClusterRole "system:'  # discovery, and asking about oneself


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """To do something with a resource.

    Attributes:
        resource: ``deployments.apps``, ``modeldeployments/status.lockstep.dev``, ``pods``.
        verb: ``get``, ``patch`` and so on.
        namespace: Empty where it is granted everywhere.
        name: Empty where it is granted for every name.
    """

    resource: str
    verb: str
    namespace: str = ""
    name: str = ""

    def covers(self, other: "Right") -> bool:
        return (
            (self.resource, self.verb) == (other.resource, other.verb)
            and self.namespace in {"", other.namespace}
            and self.name in {"", other.name}
        )

    def __str__(self) -> str:
        name = f" {self.name}" if self.name else ""
        where = f" in {self.namespace}" if self.namespace else ""
        return f"{self.verb} {self.resource}{name}{where}"


@dataclass(frozen=True, slots=True)
class Difference:
    """Both empty: the manifests grant exactly what was used."""

    missing: tuple[Right, ...]
    unused: tuple[Right, ...]

    def __str__(self) -> str:
        parts = {"used but not granted": self.missing, "granted but not used": self.unused}
        told = [
            f"{what}: {', '.join(map(str, rights))}" for what, rights in parts.items() if rights
        ]
        return "; ".join(told) or "granted is what was used"


def granted(manifests: Iterable[Manifest]) -> frozenset[Right]:
    """The rights of every Role and ClusterRole among the manifests."""
    roles = [it for it in manifests if it["kind"] in ROLES]
    return frozenset(right for role in roles for right in _rights(role))


def _rights(role: Manifest) -> Iterator[Right]:
    namespace = role["metadata"].get("namespace", "")
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    for name in rule.get("resourceNames", [""]):
                        yield Right(_resource(resource, group), verb, namespace, name)


def _resource(resource: str, group: str) -> str:
    return f"{resource}.{group}" if group else resource


def used(audit: Iterable[str], user: str) -> frozenset[Right]:
    """What ``user`` asked for, allowed or not, according to the lines of an audit log.

    What every account may do anyway (discovery, reviews of oneself) is left out.
    """
    events = (json.loads(line) for line in audit if line.strip())
    return frozenset(
        _asked(event) for event in events if _by(event) == user and not _everybodys(event)
    )


def _by(event: Manifest) -> str:
    return str(event["user"].get("username", ""))


def _everybodys(event: Manifest) -> bool:
    notes = event.get("annotations") or {}
    return notes.get(DECISION) == "allow" and EVERYBODYS in notes.get(REASON, "")


def _asked(event: Manifest) -> Right:
    """A request for no resource keeps its path: no role of ours grants one, so it is missing."""
    at = event.get("objectRef")
    if not at or "resource" not in at:
        return Right(event["requestURI"].partition("?")[0], event["verb"])
    resource = "/".join(filter(None, (at["resource"], at.get("subresource"))))
    return Right(
        _resource(resource, at.get("apiGroup", "")),
        event["verb"],
        at.get("namespace", ""),
        at.get("name", ""),
    )


def compare(granted: Iterable[Right], used: Iterable[Right]) -> Difference:
    """What is missing from the manifests (one example of each), and what could be taken out.

    To get objects that are listed anyway gives nothing away, and may take a race to be seen in use.
    """
    given, taken = sorted(set(granted)), sorted(set(used), reverse=True)
    missing = [it for it in taken if not any(one.covers(it) for one in given)]
    examples = {(it.resource, it.verb): it for it in missing}
    return Difference(
        missing=tuple(sorted(examples.values())),
        unused=tuple(it for it in given if not any(_uses(one, it) for one in taken)),
    )


def _uses(taken: Right, given: Right) -> bool:
    return given.covers(taken) or (
        given.verb == "get" and taken.verb == "list" and replace(given, verb="list").covers(taken)
    )
