"""The states a scenario waits for, each a sentence and what a user would see in the object."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.e2e.manifests import Manifest


@dataclass(frozen=True, slots=True)
class State:
    """``holds`` is asked only about a status that is of the present generation."""

    sentence: str
    holds: Callable[[Manifest], bool]


def healthy(version: str) -> State:
    def holds(seen: Manifest) -> bool:
        status = seen["status"]
        told = (status["phase"], (status.get("stable") or {}).get("version"))
        return told == ("Healthy", version)

    return State(f"Healthy with version {version}", holds)


def holding(stage: str, version: str = "") -> State:
    """The stage's weight is reached: soak and gates run."""

    def holds(seen: Manifest) -> bool:
        status = seen["status"]
        at = status.get("stage") or {}
        on_trial = (status.get("candidate") or {}).get("version", "")
        return at.get("name") == stage and "enteredAt" in at and version in {"", on_trial}

    return State(f"holding stage {stage} {version}".strip(), holds)


def on_trial(version: str) -> State:
    def holds(seen: Manifest) -> bool:
        candidate = seen["status"].get("candidate") or {}
        return bool(candidate.get("version") == version)

    return State(f"version {version} on trial", holds)


def rolled_back(version: str, reason: str) -> State:
    def holds(seen: Manifest) -> bool:
        rejected = seen["status"].get("rejected") or {}
        return (rejected.get("version"), rejected.get("reason")) == (version, reason)

    return State(f"version {version} rolled back for {reason}", holds)


def phase(name: str, reason: str) -> State:
    def holds(seen: Manifest) -> bool:
        return bool(
            seen["status"]["phase"] == name and condition(seen, "Ready")["reason"] == reason
        )

    return State(f"{name} for {reason}", holds)


def says(words: str) -> State:
    def holds(seen: Manifest) -> bool:
        return words in seen["status"]["message"]

    return State(f"saying {words!r}", holds)


def condition(seen: Manifest, kind: str) -> Manifest:
    """The condition of this type; empty when there is none."""
    return next((it for it in seen["status"]["conditions"] if it["type"] == kind), {})


def truths(seen: Manifest) -> dict[str, str]:
    """Every condition's status, by type."""
    return {it["type"]: it["status"] for it in seen["status"]["conditions"]}
