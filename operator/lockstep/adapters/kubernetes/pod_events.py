"""A pod's Events as the API server lists them, cut down to the one that says why it waits."""

from collections.abc import Mapping
from typing import Final

from lockstep.adapters.kubernetes.meta import instant
from lockstep.api.base import Manifest, cut

MOST: Final = 50
"""Events asked for at once: alike ones are one Event with a count, so few pods have more."""
_MESSAGE: Final = 500
_WORD: Final = 63
_ELSEWHERE: Final = "FailedScheduling"
"""What a condition of the pod says as well, and takes back when it is over."""
_AT_WORK: Final = "Pulling"
"""A Normal one that explains minutes of silence."""


def query(uid: str) -> Mapping[str, str]:
    """Which Events to list."""
    return {"fieldSelector": f"involvedObject.uid={uid}", "limit": str(MOST)}


def read(listed: Manifest) -> str:
    """Who said what last; empty when nobody has complained."""
    items = [it for it in listed.get("items") or () if isinstance(it, dict) and _tells(it)]
    dated = [(at, it) for it in items if (at := _last(it))]
    latest = max(dated, key=lambda it: instant(it[0]), default=None)
    return _sentence(latest[1]) if latest else ""


def _tells(event: Manifest) -> bool:
    reason = event.get("reason")
    return (event.get("type") == "Warning" and reason != _ELSEWHERE) or reason == _AT_WORK


def _last(event: Manifest) -> str | None:
    """When it was last seen: each of the ways to count alike ones has its own field."""
    series = (event.get("series") or {}).get("lastObservedTime")
    made = event["metadata"].get("creationTimestamp")
    found = series or event.get("lastTimestamp") or event.get("eventTime") or made
    return str(found) if found else None


def _sentence(event: Manifest) -> str:
    source = (event.get("source") or {}).get("component")
    who = source or event.get("reportingComponent") or "an Event"
    reason, message = event.get("reason", ""), " ".join(str(event.get("message", "")).split())
    return f"{cut(who, _WORD)} says {cut(reason, _WORD)}: {cut(message, _MESSAGE)}"
