"""Who may approve a stage, whose approval counts, and how long people have for it. Pure.

Nothing here knows what an approved stage does to callers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lockstep.api.decision import MORE_AUTHORS
from lockstep.api.model_deployment_status import Approved
from lockstep.api.strategy import Approval

_MACHINES: Final = "system:"
_STAMP: Final = (
    "the API server records the author of a change from Kubernetes 1.36 on (annotation "
    "lockstep.dev/author); without it, set excludeAuthor to false to let anyone approve"
)
_TOO_MANY: Final = (
    "more than 16 people changed the spec since the last completed rollout, or it was written "
    "before the API server recorded their names; set the manifest back to stable and apply it again"
)


@dataclass(frozen=True, slots=True)
class Authors:
    """Who is behind a revision; ``unknown`` says why nobody can tell, and is empty otherwise."""

    people: frozenset[str]
    unknown: str = ""


def authors(
    writer: str,
    editor: str,
    requested_by: str | None,
    first: Iterable[str] = (),
    hands: Iterable[str] = (),
) -> Authors:
    """Everybody who had a hand in a revision.

    Args:
        writer: Who asked for its trial; empty where nobody stamped it.
        editor: Who last changed the spec.
        requested_by: The person for whom a machine applies it.
        first: Who was behind it when it first began: a retry by somebody else acquits nobody.
        hands: Who changed what runs before it began, or since: whoever touches the spec after them
            acquits nobody either.
    """
    changed = frozenset(hands)
    named = (writer, editor, requested_by, *first, *(changed - {MORE_AUTHORS}))
    people = frozenset(it for it in named if it)
    if not writer:
        return Authors(people, f"the author of this revision is unknown: {_STAMP}")
    if MORE_AUTHORS in changed:
        return Authors(people, f"some authors of this revision are unknown: {_TOO_MANY}")
    machine = next((it for it in (writer, *sorted(changed)) if it.startswith(_MACHINES)), None)
    if machine and not requested_by:
        return Authors(
            people,
            f"{machine} applied this revision, and it is not known for whom: "
            "name the person in spec.changeRequest.requestedBy",
        )
    return Authors(people)


def refusal(approval: Approval, by: str, groups: Iterable[str], known: Authors) -> str:
    """Why an approval by this person does not count; empty when it does."""
    if approval.groups and not set(approval.groups) & set(groups):
        spoke = ", ".join(groups) or "no group"
        return f"approval is required from {_either(approval.groups)}; {by} approved for {spoke}"
    return excluded(approval, by, known)


def excluded(approval: Approval, by: str, known: Authors) -> str:
    """Why this person may not end a stage that wants somebody else; empty when they may."""
    if not approval.exclude_author:
        return ""
    if known.unknown:
        return f"excludeAuthor is set and {known.unknown}"
    if by in known.people:
        return f"{by} wrote, edited or asked for this revision, and excludeAuthor is set"
    return ""


def spoken_for(approval: Approval, groups: Sequence[str]) -> tuple[str, ...]:
    """The groups that matter: those that are asked for, or all when none is."""
    return tuple(it for it in groups if it in approval.groups or not approval.groups)


def counting(
    approval: Approval, stage: str, given: Iterable[Approved], known: Authors
) -> tuple[Approved, ...]:
    """The approvals of ``stage`` that count as the rule stands now, one for each person."""
    latest = {it.by: it for it in given if it.stage == stage}
    return tuple(it for it in latest.values() if not refusal(approval, it.by, it.groups, known))


def added(given: Iterable[Approved], approved: Approved) -> tuple[Approved, ...]:
    """``given`` with one more; whoever approves a stage twice has approved it once."""
    others = (it for it in given if (it.stage, it.by) != (approved.stage, approved.by))
    return (*others, approved)


def expires(approval: Approval, asked_at: datetime) -> datetime:
    """Until when people may approve, once they were asked."""
    return asked_at + approval.expires_after


def tally(approval: Approval, counted: Sequence[Approved]) -> str:
    """``1 of 2 approvals (alice@example.com)``."""
    names = f" ({', '.join(it.by for it in counted)})" if counted else ""
    return f"{len(counted)} of {approval.required} approvals{names}"


def wanted_from(approval: Approval) -> str:
    """``groups ml-fraud or risk``, or whoever has the right to approve at all."""
    return _either(approval.groups) if approval.groups else "anyone with permission to approve"


def _either(groups: Sequence[str]) -> str:
    return f"group{'s' if len(groups) > 1 else ''} {' or '.join(groups)}"
