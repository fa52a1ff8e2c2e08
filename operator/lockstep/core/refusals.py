"""Who can end a refusal of the API server, told from its own words. Nothing is waited for here.

The same for a dry run, for a ReplicaSet that gets no pod, and for what we write ourselves.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from lockstep.api.failures import FailureReason


class Cause(StrEnum):
    """By whom a refusal can be ended.

    ``SPEC``: by a person, who changes what is asked for or the rule that forbids it. ``PLATFORM``:
    by the cluster, which is unwell for now and would refuse anybody. ``ROOM``: by what goes away.
    """

    SPEC = "Spec"
    PLATFORM = "Platform"
    ROOM = "Room"


REASONS: Final[Mapping[Cause, FailureReason]] = {
    Cause.SPEC: FailureReason.WRITE_REFUSED,
    Cause.PLATFORM: FailureReason.CLUSTER_UNAVAILABLE,
    Cause.ROOM: FailureReason.QUOTA_EXCEEDED,
}

_TOO_LARGE: Final = ("request is too large", "trying to send message larger than max")
_ROOM: Final = ("exceeded quota", "insufficient quota to match these scopes")
_AWAY: Final = (
    "Internal error occurred",
    "failed calling webhook",
    "failed to call webhook",
    "context deadline exceeded",
    "etcdserver:",
    "code = Unavailable",
    "status unknown for quota",
    "not yet ready to handle request",
    "request did not complete within",
    "unable to return a response in the time allotted",
    "currently unable to handle the request",
    "has received too many requests",
    "connection refused",
    "i/o timeout",
    "TLS handshake timeout",
)
"""What the cluster says of itself. No name of an object has a space or a colon in it."""

_NAME: Final = r"[^\s\"',;]{1,253}"
_REFUSERS: Final[Mapping[str, re.Pattern[str]]] = {
    "ResourceQuota {}": re.compile(rf"exceeded quota: ({_NAME})"),
    "admission webhook {}": re.compile(
        rf'(?:admission webhook|failed calling webhook|failed to call webhook) "({_NAME})"'
    ),
    "ValidatingAdmissionPolicy {}": re.compile(rf"ValidatingAdmissionPolicy '({_NAME})'"),
    "Pod Security ({})": re.compile(rf'violates PodSecurity "({_NAME})"'),
}

_SERVER_ERROR: Final = 500
_THROTTLED: Final = {408, 429}


def cause(message: str, code: int = 0) -> Cause:
    """Who can end a refusal; ``code`` is HTTP's where it is known, 0 where only the words are."""
    if _says(message, _TOO_LARGE):
        return Cause.SPEC
    if _says(message, _ROOM):
        return Cause.ROOM
    if _says(message, _AWAY) or code >= _SERVER_ERROR or code in _THROTTLED:
        return Cause.PLATFORM
    return Cause.SPEC


def refuser(message: str) -> str:
    """Who refuses, by name where the sentence has one: a person has to know whom to ask."""
    for who, named in _REFUSERS.items():
        found = named.search(message)
        if found:
            return who.format(found[1])
    return "the API server"


def _says(message: str, texts: tuple[str, ...]) -> bool:
    return any(text in message for text in texts)
