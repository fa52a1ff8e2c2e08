"""People who decide: what they write, at random or when they are asked, and what must come of it.

Each Decision is an object of its own, as on the API server; nobody but the operator answers it.
"""

import random
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from lockstep.api.decision import ABOUT_A_STAGE, ABOUT_ALL, Act, DecisionSpec
from lockstep.api.model_deployment_status import (
    ModelDeploymentStatus,
    Outcome,
    Taken,
)
from lockstep.core.rollout.observed import Decided, Observed
from lockstep.core.rollout.stages import steps
from tests.sim.promises import keep, spec_of
from tests.sim.transcript import VERSIONS
from tests.sim.written import KEY, revision_of

if TYPE_CHECKING:
    from tests.sim.story import Story

DECISIONS: Final = "decisions"
AUTHOR: Final = "dan"
PEOPLE: Final = ("alice", "bob", AUTHOR)
ASKED_EVERY: Final = 7.0
"""Seconds between two looks of those who decide when they are asked."""
WAVING: Final = frozenset({Act.PROMOTE, Act.SKIP_STAGE, Act.PROMOTE_FULL})
"""Acts that let a stage end without its gates."""
RENEWING: Final = frozenset({Act.RETRY, Act.PROMOTE_FULL})
"""Acts that let a revision try again that was taken back."""


def decides(story: "Story", act: Act, by: str, **about: Any) -> None:
    """Somebody creates a Decision, about the candidate and its stage unless told otherwise."""
    uid = f"decision-{len(story.decided) + 1}"
    raw: dict[str, Any] = {"target": {"name": KEY.name}, "act": act, "by": by, "reason": "so be it"}
    if act not in ABOUT_ALL:
        raw["revision"] = about.pop("revision", _revision(story))
    if act in ABOUT_A_STAGE:
        raw["stage"] = about.pop("stage", story.status.stage and story.status.stage.name) or "none"
    spec = DecisionSpec.model_validate({**raw, **about})
    made = Decided(name=uid, uid=uid, at=_whole(story), spec=spec)
    story.decided.append(made)
    story.transcript.note(f"{by} decides {act.value}")
    story.objects.put((DECISIONS, uid), made)


def _whole(story: "Story") -> datetime:
    """The API server stamps whole seconds."""
    return story.agenda.now().replace(microsecond=0)


def _revision(story: "Story") -> str:
    """What there is to decide about."""
    status = story.status
    known = (status.candidate, status.rejected, status.stable)
    return next((it.revision for it in known if it), "00000000")


def at_random(story: "Story", rng: random.Random) -> None:
    """Whatever comes to somebody's mind, mostly about what is on trial."""
    act = rng.choice(list(Act))
    about: dict[str, Any] = {}
    if act not in ABOUT_ALL and rng.random() < 0.2:
        about["revision"] = revision_of(rng.choice(VERSIONS[:4]))
    if act in ABOUT_A_STAGE and rng.random() < 0.2:
        about["stage"] = rng.choice(("half", "full", "tenth", "promotion"))
    if rng.random() < 0.5:
        about["groups"] = ["ml"]
    decides(story, act, rng.choice(PEOPLE), **about)


def prune(story: "Story", rng: random.Random) -> None:
    """Somebody deletes old Decisions, answered or not."""
    found = sorted(story.objects.of(DECISIONS))
    story.transcript.note(f"somebody deletes {len(found)} Decisions")
    for uid in found:
        if rng.random() < 0.7:
            story.objects.drop((DECISIONS, uid))


def stay_and_help(story: "Story") -> None:
    """From here on there is always somebody who decides what is waited for."""
    match reason(story.status):
        case "ApprovalNeeded":
            stage = story.status.stage
            given = {it.by for it in story.status.approvals if stage and it.stage == stage.name}
            for name in ("alice", "bob"):
                if name not in given:
                    decides(story, Act.APPROVE, name, groups=["ml"])
        case "PromotionNeeded":
            decides(story, Act.PROMOTE, "alice")
        case _:
            if story.status.hold:
                decides(story, Act.RESUME, "alice")
    story.agenda.after(ASKED_EVERY, lambda: stay_and_help(story))


def when(
    story: "Story", asked: Callable[["Story"], bool], *acts: Callable[["Story"], None]
) -> None:
    """The first of ``acts`` as soon as ``asked``, the others each when asked once more."""
    if asked(story) and acts:
        acts[0](story)
        acts = acts[1:]
    if acts:
        story.agenda.after(ASKED_EVERY, lambda: when(story, asked, *acts))


def reason(status: ModelDeploymentStatus) -> str:
    return next((it.reason for it in status.conditions if it.type == "Ready"), "")


# ── Promises ─────────────────────────────────────────────────────────────────────────────────────


class Once:
    """A Decision acts once: neither after it was forgotten nor in the pass that forgets it."""

    def __init__(self) -> None:
        self._ever: dict[str, Taken] = {}
        self._now: set[str] = set()

    def watch(self, status: ModelDeploymentStatus) -> None:
        taken = {it.uid: it for it in status.decisions}
        back = (taken.keys() - self._now) & self._ever.keys()
        anew = {uid for uid, it in taken.items() if self._ever.get(uid, it) != it}
        keep("a Decision acts once", not back | anew, ", ".join(sorted(back | anew)))
        self._ever |= taken
        self._now = set(taken)


def applied(
    before: ModelDeploymentStatus, after: ModelDeploymentStatus, seen: Observed
) -> set[Act]:
    """The acts that a pass took and that had an effect."""
    known = {it.uid for it in before.decisions}
    fresh = {
        it.uid for it in after.decisions if it.uid not in known and it.outcome is Outcome.APPLIED
    }
    found = (it.spec for it in seen.decisions if it.uid in fresh)
    return {it.act for it in found if isinstance(it, DecisionSpec)}


def approvals_precede_progress(
    before: ModelDeploymentStatus,
    after: ModelDeploymentStatus,
    seen: Observed,
    decided: Iterable[Decided],
) -> None:
    """A stage that wants approvals ends with those of enough people, or somebody skipped it."""
    candidate, stage = before.candidate, before.stage
    if candidate is None or stage is None or not passed(before, after):
        return
    if applied(before, after, seen) & {Act.SKIP_STAGE, Act.PROMOTE_FULL}:
        return
    walked = steps(spec_of(seen), candidate) if before.stable else ()
    rule = next((it.approval for it in walked if it.name == stage.name), None)
    if rule is None:
        return
    agreed = {
        it.spec.by
        for it in decided
        if isinstance(it.spec, DecisionSpec)
        and (it.spec.act, it.spec.revision) == (Act.APPROVE, candidate.revision)
        and it.spec.stage == stage.name
        and (not rule.groups or set(rule.groups) & set(it.spec.groups))
        and not (rule.exclude_author and it.spec.by == AUTHOR)
    }
    keep(
        "a stage ends with the approvals that it wants",
        len(agreed) >= rule.required,
        f"{stage.name} with {sorted(agreed)}, {rule.required} wanted",
    )


def passed(before: ModelDeploymentStatus, after: ModelDeploymentStatus) -> bool:
    """Whether the stage of ``before`` has ended well, by a promotion or with a later stage."""
    candidate, stage = before.candidate, before.stage
    if candidate is None or stage is None:
        return False
    if after.stable is not None and after.stable.revision == candidate.revision:
        return True
    if after.stage is None or after.candidate is None:
        return False
    return after.candidate.revision == candidate.revision and after.stage.index > stage.index
