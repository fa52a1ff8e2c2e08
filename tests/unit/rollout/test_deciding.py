"""What people decide: every act in every situation, and what each leaves in the memory."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockstep.api.changes import changed
from lockstep.api.condition import Condition, Truth
from lockstep.api.decision import ABOUT_A_STAGE, ABOUT_ALL, Act, DecisionSpec
from lockstep.api.model_deployment_status import Approved, Hold, Outcome, Phase, StageStatus, Taken
from lockstep.core.facts import Unreadable
from lockstep.core.rollout.actions import AnswerDecision
from lockstep.core.rollout.deciding import MOST, MOST_WAITING
from lockstep.core.rollout.needs import Needs
from lockstep.core.rollout.observed import Answers, CallerService, Decided, Observed, SmokeResult
from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.planner import needs, plan
from lockstep.core.rollout.routing import Only
from tests.sim.obey import obey
from tests.unit.rollout.test_planner import SMOKE, SOAK, did, reason
from tests.unit.rollout.worlds import (
    NOW,
    V1,
    V2,
    V3,
    World,
    arm,
    but,
    first,
    named,
    rejection,
    trial,
    world,
)

MINUTE = timedelta(minutes=1)
_NUMBERS = itertools.count(1)


def decision(act: Act, **changes: Any) -> Decided:
    """Somebody's act on version 2 in stage half, a second ago."""
    about = {} if act in ABOUT_ALL else {"revision": changes.pop("revision", V2)}
    if act in ABOUT_A_STAGE:
        about["stage"] = changes.pop("stage", "half")
    number, at = next(_NUMBERS), changes.pop("at", NOW - timedelta(seconds=1))
    raw = {
        "target": {"name": "fraud"},
        "act": act,
        "by": "alice",
        "reason": "the load test is over",
        **about,
        **changes,
    }
    return Decided(
        name=f"d-{number}", uid=f"u-{number}", at=at, spec=DecisionSpec.model_validate(raw)
    )


def deciding(base: World, *decisions: Decided, **changes: Any) -> Observed:
    return replace(base.observed(), decisions=decisions, **changes)


def decide(base: World, *acts: Act, **changes: Any) -> Plan:
    return plan(deciding(base, *(decision(act, **changes) for act in acts)), NOW)


def ruled(decided: Plan) -> list[str]:
    return [it.outcome.value for it in decided.status.decisions]


def said(decided: Plan) -> str:
    return decided.status.decisions[-1].message


def stage_of(decided: Plan) -> StageStatus:
    assert decided.status.stage is not None
    return decided.status.stage


def approval(**changes: Any) -> dict[str, Any]:
    stages = [
        {"name": "half", "weight": 50, "approval": changes},
        {"name": "full", "weight": 100},
    ]
    return {"strategy": {"canary": {"stages": stages}}}


def ended(asked: timedelta | None = None) -> StageStatus:
    """Stage half with its soak over; ``asked``: how long ago approvals were asked for."""
    return StageStatus(
        name="half",
        index=0,
        entered_at=NOW - MINUTE,
        soak_until=NOW - MINUTE,
        deadline=NOW + 59 * MINUTE,
        approval_asked_at=NOW - asked if asked is not None else None,
    )


def waits_for(why: str, stage: StageStatus, **status: Any) -> dict[str, Any]:
    """The status that a pass left which ended in a pause."""
    ready = Condition(
        type="Ready", status=Truth.FALSE, reason=why, last_transition_time=NOW - MINUTE
    )
    return {"phase": Phase.PAUSED, "stage": stage, "conditions": (ready,), **status}


HOLD = Hold(by="bob", reason="an incident", at=NOW - MINUTE)
SOAKING = trial(spec=SOAK, status={"observed_generation": 7})
ASKING = trial(
    spec=approval(required=2), stage=ended(MINUTE),
    status=waits_for("ApprovalNeeded", ended(MINUTE)),
)  # fmt: skip
EXPIRED = trial(
    spec=approval(expiresAfter="30s"), stage=ended(MINUTE),
    status=waits_for("ApprovalExpired", ended(MINUTE)),
)  # fmt: skip
UNDECIDED = trial(spec=SOAK, status=waits_for("DeadlineExceeded", ended()))

# One letter for each act, in the order of ``Act``: Applied, Refused or Superseded.
# Approve Reject Promote PromoteFull SkipStage Abort Retry Pause Resume Adopt
SITUATIONS: dict[str, tuple[World, str]] = {
    "soaking": (SOAKING, "RARAAAAASS"),
    "approvals are awaited": (ASKING, "AARAAAAASS"),
    "the time to approve is over": (EXPIRED, "RARAAAAASS"),
    "nobody could decide": (UNDECIDED, "RAAAAAAASS"),
    "its pods come up": (trial(ready=0, wanted=2), "RARAAAAASS"),
    "paused by the spec": (
        but(SOAKING, spec={**SOAK, "paused": True}, status={"paused_by_spec": True}), "RARRRAAARS"),
    "paused by a Decision": (but(SOAKING, status={"hold": HOLD}), "RARRRAAAAS"),
    "a first rollout": (first(ready=1), "RRRRRAAASS"),
    "a first rollout with gates": (
        first(spec={**SOAK, "initialRollout": "Gate"},
              stage=StageStatus(name="initial", index=0)), "RRRARAAASS"),
    "without stages already": (
        trial(candidate=named(V2, ungated="Returned"),
              stage=StageStatus(name="direct", index=0)), "RRRRRAAASS"),
    "taken back": (world(rejected=rejection(V2)), "SSSASSAASS"),
    "it serves": (world(stable=V2, arms=(arm(V2, 4),), routing=Only(V2)), "SSSSSSSASS"),
    "another is on trial": (
        trial(version="3.0.0", candidate=named(V3), arms=(arm(V1, 2), arm(V3, 2)),
              stored=(V1, V2, V3)), "SSSSSSSASS"),
    "it may not begin": (
        world(spec={"paused": True}, status={"paused_by_spec": True}), "RRRRRRSARS"),
    "nobody knows it": (world(version="1.0.0", stored=(V1,)), "SSSSSSSASS"),
}  # fmt: skip


@pytest.mark.parametrize(("base", "letters"), SITUATIONS.values(), ids=SITUATIONS)
def test_every_act_in_every_situation(base: World, letters: str) -> None:
    got = "".join(ruled(decide(base, act))[0][0] for act in Act)
    assert got == letters


@pytest.mark.parametrize(("base", "_"), SITUATIONS.values(), ids=SITUATIONS)
def test_every_answer_says_why(base: World, _: str) -> None:
    for act in Act:
        decided = decide(base, act)
        told = [it for it in decided.events if it.reason.startswith("Decision")]
        assert said(decided)
        assert len(told) == 1
        assert said(decided) in told[0].message
        assert answers(decided)[0].message == said(decided)


def answers(decided: Plan) -> list[AnswerDecision]:
    return [it for it in decided.actions if isinstance(it, AnswerDecision)]


SENTENCES: dict[str, tuple[World, Decided, str]] = {
    "another revision": (
        SOAKING, decision(Act.APPROVE, revision="00000000"),
        f"revision 00000000 is not the candidate: version 2.0.0 (revision {V2}) is, in stage half"),
    "what was taken back": (
        world(rejected=rejection(V2)), decision(Act.ABORT),
        f"was rolled back: GateFailed; version 1.0.0 (revision {V1}) serves"),
    "a stage that has passed": (
        trial(stage=StageStatus(name="full", index=1)), decision(Act.REJECT),
        "stage half has passed: the rollout is in stage full"),
    "a stage to come": (
        SOAKING, decision(Act.SKIP_STAGE, stage="promotion"), "stage promotion has not started"),
    "a stage that is not there": (
        SOAKING, decision(Act.APPROVE, stage="quarter"),
        "there is no stage quarter: the rollout has stages half, promotion and is in half"),
    "a stage without approval": (
        SOAKING, decision(Act.APPROVE), "stage half requires no approval"),
    "an approval too late": (EXPIRED, decision(Act.APPROVE), "the time to approve ended"),
    "a promotion nobody waits for": (
        SOAKING, decision(Act.PROMOTE),
        "the stage does not wait for Promote (SkipStage would end it)"),
    "a promotion in a pause": (
        but(SOAKING, status={"hold": HOLD}), decision(Act.PROMOTE),
        "paused by bob (an incident): create a Decision Resume first"),
    "a resume against the spec": (
        but(SOAKING, spec={"paused": True}), decision(Act.RESUME),
        "spec.paused is true: set it to false"),
    "a pause twice": (
        but(SOAKING, status={"hold": HOLD}), decision(Act.PAUSE), "already paused by bob"),
    "a revision that has not begun": (
        world(spec={"paused": True}, status={"message": "version 2.0.0 waits"}),
        decision(Act.ABORT), f"revision {V2} has not started: version 2.0.0 waits"),
    "the author": (
        but(ASKING, spec=approval(excludeAuthor=True), candidate=named(V2, author="alice")),
        decision(Act.APPROVE), "alice wrote, edited or asked for this revision"),
    "an author after whom somebody else touched the spec, while it was held": (
        but(ASKING, spec=approval(excludeAuthor=True), candidate=named(V2, author="bob"),
            rest={"author": "bob", "authors": ("alice", "bob")}),
        decision(Act.APPROVE), "alice wrote, edited or asked for"),
    "an author nobody knows": (
        but(ASKING, spec=approval(excludeAuthor=True)), decision(Act.APPROVE), "Kubernetes 1.36"),
    "a group nobody asked": (
        but(ASKING, spec=approval(groups=["ml"])), decision(Act.APPROVE, groups=["ops"]),
        "approval is required from group ml; alice approved for ops"),
    "who wrote it, though somebody else tries it again": (
        but(ASKING, spec=approval(excludeAuthor=True), candidate=named(V2, author="bob"),
            authors=("alice",)),
        decision(Act.APPROVE), "alice wrote, edited or asked for this revision"),
    "the author goes round a stage": (
        but(SOAKING, spec=approval(excludeAuthor=True), candidate=named(V2, author="alice")),
        decision(Act.SKIP_STAGE),
        "stage half would be skipped, and alice wrote, edited or asked for this revision"),
    "the author goes round all stages": (
        but(SOAKING, spec=approval(excludeAuthor=True), candidate=named(V2, author="alice")),
        decision(Act.PROMOTE_FULL),
        "stage half would be skipped, and alice wrote, edited or asked for this revision"),
    "a stage is left out for an author nobody knows": (
        but(SOAKING, spec=approval(excludeAuthor=True)), decision(Act.PROMOTE_FULL),
        "Kubernetes 1.36"),
    "the author lifts the rejection": (
        but(world(rejected=rejection(V2)), spec=approval(excludeAuthor=True),
            rest={"author": "bob"}, authors=("alice",)),
        decision(Act.PROMOTE_FULL),
        "stage half would be skipped, and alice wrote, edited or asked for this revision"),
    "one approval of two": (ASKING, decision(Act.APPROVE), "has 1 of 2 approvals (alice)"),
}  # fmt: skip


@pytest.mark.parametrize(("base", "act", "words"), SENTENCES.values(), ids=SENTENCES)
def test_what_is_answered(base: World, act: Decided, words: str) -> None:
    assert words in said(plan(deciding(base, act), NOW))


def test_a_decision_that_cannot_be_read_is_refused_and_names_the_field() -> None:
    unread = replace(decision(Act.PAUSE), spec=Unreadable("spec.act: Input should be 'Approve'"))
    decided = plan(deciding(SOAKING, unread), NOW)
    assert ruled(decided) == ["Refused"]
    assert "spec.act" in said(decided)
    assert decided.status.hold is None


# ── Approve ──────────────────────────────────────────────────────────────────────────────────────


def test_two_people_end_a_stage_that_wants_two() -> None:
    decided = decide(ASKING, Act.APPROVE)
    assert (reason(decided), did(replace(decided, actions=()))) == ("ApprovalNeeded", "")
    assert "1 of 2 approvals (alice)" in decided.status.message
    both = plan(deciding(ASKING, decision(Act.APPROVE), decision(Act.APPROVE, by="bob")), NOW)
    assert stage_of(both).name == "full"
    assert [(it.by, it.stage) for it in both.status.approvals] == [
        ("alice", "half"),
        ("bob", "half"),
    ]


def test_one_person_counts_once() -> None:
    decided = decide(ASKING, Act.APPROVE, Act.APPROVE)
    assert ruled(decided) == ["Applied", "Applied"]
    assert stage_of(decided).name == "half"


def test_approvals_are_taken_before_they_are_asked_for() -> None:
    early = trial(spec=approval(required=1), ready=0, wanted=2)
    decided = decide(early, Act.APPROVE)
    assert ruled(decided) == ["Applied"]
    assert stage_of(decided).approval_asked_at is None
    passed = but(ASKING, spec=approval(required=1), stage=ended(), status={
        "approvals": decided.status.approvals, "stage": ended()})  # fmt: skip
    assert stage_of(plan(passed.observed(), NOW)).name == "full"


def test_the_time_to_approve_begins_when_nothing_else_is_wanting() -> None:
    seen = trial(spec=approval(expiresAfter="2h"), stage=ended()).observed()
    decided = plan(seen, NOW)
    assert reason(decided) == "ApprovalNeeded"
    assert stage_of(decided).approval_asked_at == NOW
    assert decided.look_again == timedelta(minutes=59)
    assert "until 2026-11-21 14:00:00Z" in decided.status.message
    assert f"act Approve (or Reject), revision {V2}, stage half" in decided.status.message


def test_an_approval_given_in_time_counts_however_late_it_is_read() -> None:
    given = decision(Act.APPROVE, at=NOW - timedelta(seconds=45))
    decided = plan(deciding(EXPIRED, given), NOW)
    assert (ruled(decided), stage_of(decided).name) == (["Applied"], "full")


def test_an_expired_approval_waits_for_a_retry_which_asks_again() -> None:
    decided = plan(EXPIRED.observed(), NOW)
    assert (decided.status.phase, reason(decided)) == (Phase.PAUSED, "ApprovalExpired")
    assert "create a Decision: Retry" in decided.status.message
    again = decide(
        but(EXPIRED, status={"stage": ended(MINUTE), "approvals": (approved("half"),)}), Act.RETRY
    )
    assert again.status.approvals == ()
    assert reason(again) == "ApprovalNeeded"
    assert stage_of(again).entered_at == NOW


def approved(stage: str, by: str = "alice") -> Approved:
    return Approved(stage=stage, by=by, at=NOW - MINUTE)


def test_a_stricter_approval_holds_at_once() -> None:
    one = {"approvals": (approved("half"),), "stage": ended()}
    content = trial(spec=approval(required=1), status=one)
    assert stage_of(plan(content.observed(), NOW)).name == "full"
    stricter = but(content, spec=approval(required=2))
    assert reason(plan(stricter.observed(), NOW)) == "ApprovalNeeded"


def test_a_pause_makes_nobody_late() -> None:
    paused = but(ASKING, status={"hold": HOLD, "stage": ended(MINUTE)})
    decided = plan(paused.observed(), NOW)
    assert (reason(decided), stage_of(decided).approval_asked_at) == ("Paused", None)


def test_a_pause_revives_no_approval_that_has_expired() -> None:
    paused = but(EXPIRED, status={"hold": HOLD, "stage": ended(MINUTE)})
    decided = plan(paused.observed(), NOW)
    assert reason(decided) == "ApprovalExpired"
    assert stage_of(decided).approval_asked_at == NOW - MINUTE


def test_approvals_end_with_the_revision() -> None:
    given = {"approvals": (approved("half"),), "stage": ended()}
    newer = trial(version="3.0.0", spec=approval(), status=given, stored=(V1, V2, V3))
    assert plan(newer.observed(), NOW).status.approvals == ()
    assert decide(trial(status=given), Act.ABORT).status.approvals == ()


def test_history_names_those_who_approved() -> None:
    last = StageStatus(
        name="full", index=1, entered_at=NOW - MINUTE, soak_until=NOW, deadline=NOW + MINUTE
    )
    seen = trial(
        ready=4,
        stable=1,
        routing=Only(V2),
        status={"stage": last, "approvals": (approved("half"),)},
    )
    done = plan(seen.observed(), NOW).status
    assert done.history[-1].message == "every stage passed (full 1m); approved by alice (half)"
    assert done.approvals == ()


# ── Reject, Abort ────────────────────────────────────────────────────────────────────────────────

TAKEN_BACK: dict[str, tuple[World, Act, str]] = {
    "rejected": (SOAKING, Act.REJECT, "Rejected: stage half: rejected by alice"),
    "aborted": (SOAKING, Act.ABORT, "Aborted: stage half: aborted by alice: the load test is over"),
    "aborted in a pause": (but(SOAKING, status={"hold": HOLD}), Act.ABORT, "Aborted: "),
    "aborted before its pods are up": (trial(ready=0, wanted=2), Act.ABORT, "Aborted: "),
}


@pytest.mark.parametrize(("base", "act", "words"), TAKEN_BACK.values(), ids=TAKEN_BACK)
def test_what_a_person_takes_back_stays_back(base: World, act: Act, words: str) -> None:
    seen = deciding(base, decision(act))
    decided = plan(seen, NOW)
    rejected = decided.status.rejected
    assert rejected is not None
    assert words in f"{rejected.reason}: {rejected.message}"
    assert (decided.status.phase, reason(decided)) == (Phase.DEGRADED, "RolledBack")
    assert "all traffic is on version 1.0.0" in rejected.message
    assert decided.status.history[-1].outcome == "RolledBack"
    assert "alice" in decided.status.history[-1].message
    after = plan(obey(seen, decided), NOW)
    assert after.status.rejected == rejected


def test_an_aborted_first_rollout_is_reached_by_nobody() -> None:
    seen = deciding(first(ready=2, routing=Only(V2), candidate=named(V2)), decision(Act.ABORT))
    decided = plan(seen, NOW)
    assert "callers nowhere" in did(decided)
    assert "receives no traffic any more" in decided.status.message
    assert needs(replace(obey(seen, decided), answers=Answers()), NOW) == Needs()


# ── Promote, SkipStage, PromoteFull ──────────────────────────────────────────────────────────────


def test_a_promotion_ends_what_nobody_could_decide() -> None:
    decided = decide(UNDECIDED, Act.PROMOTE)
    assert stage_of(decided).name == "promotion"


def test_a_promotion_does_not_stand_for_approvals() -> None:
    wanting = but(UNDECIDED, spec=approval(required=1))
    decided = decide(wanting, Act.PROMOTE)
    assert (ruled(decided), reason(decided)) == (["Applied"], "ApprovalNeeded")
    assert stage_of(decided).vouched_by == "alice"
    assert "when it is approved" in said(decided)


def test_a_promotion_is_about_what_was_seen_and_not_about_a_new_beginning() -> None:
    decided = decide(UNDECIDED, Act.RETRY, Act.PROMOTE)
    assert ruled(decided) == ["Applied", "Refused"]
    assert stage_of(decided).vouched_by == ""


MANUAL = {"strategy": {"blueGreen": {"autoPromote": False, "prePromotion": {"approval": {}}}}}


def test_a_blue_green_wants_both_its_approval_and_its_promotion() -> None:
    stage = changed(ended(MINUTE), name="pre-promotion")
    base = trial(
        ready=4, stable=4, routing=Only(V1), spec=MANUAL,
        status=waits_for("ApprovalNeeded", stage),
        rest={"preview": CallerService(uid="v", routing=Only(V2))},
    )  # fmt: skip
    promoted = decide(base, Act.PROMOTE)
    assert (ruled(promoted), reason(promoted)) == (["Applied"], "ApprovalNeeded")
    given = decision(Act.APPROVE, stage="pre-promotion")
    decided = plan(deciding(base, given), NOW)
    assert (ruled(decided), reason(decided)) == (["Applied"], "PromotionNeeded")
    both = plan(deciding(base, given, decision(Act.PROMOTE)), NOW)
    assert stage_of(both).name == "promotion"


def test_a_skipped_stage_gives_way_to_the_next_one() -> None:
    decided = decide(SOAKING, Act.SKIP_STAGE)
    assert stage_of(decided).name == "promotion"
    line = decided.status.history[-1]
    assert (line.outcome, line.message) == (
        "StageSkipped", "stage half skipped by alice: the load test is over")  # fmt: skip


def test_the_last_stage_skipped_is_a_promotion_once_all_callers_can_be_met() -> None:
    last = StageStatus(name="full", index=1)
    seen = deciding(
        trial(ready=1, wanted=1, stable=3, stage=last), decision(Act.SKIP_STAGE, stage="full")
    )
    decided = plan(seen, NOW)
    assert decided.status.stable is not None
    assert decided.status.stable.revision == V1
    assert (reason(decided), stage_of(decided).name) == ("Moving", "direct")
    done = but(
        trial(ready=4, stable=1, routing=Only(V2)),
        candidate=decided.status.candidate,
        stage=StageStatus(name="direct", index=0),
    )
    promoted = plan(done.observed(), NOW).status
    assert promoted.stable is not None
    assert promoted.stable.revision == V2
    assert promoted.history[-1].message == "every stage passed or was skipped"


@pytest.mark.parametrize("act", [Act.SKIP_STAGE, Act.PROMOTE_FULL])
def test_the_smoke_test_is_never_left_out(act: Act) -> None:
    unproven = trial(
        ready=4, stable=4, routing=Only(V1), candidate=named(V2, smoke_tested=False), spec=SMOKE,
        stage=StageStatus(name="full", index=1),
    )  # fmt: skip
    seen = deciding(unproven, decision(act, **({"stage": "full"} if act in ABOUT_A_STAGE else {})))
    decided = plan(seen, NOW)
    assert ruled(decided) == ["Applied"]
    assert "callers" not in did(decided)
    assert needs(seen, NOW).smoke is not None
    wrong = Answers(smoke=SmokeResult(V2, "HTTP 500, expected 200"))
    assert reason(plan(replace(seen, answers=wrong), NOW)) == "RolledBack"


def test_a_promotion_in_full_asks_for_nothing_but_pods() -> None:
    decided = decide(ASKING, Act.PROMOTE_FULL)
    assert (reason(decided), stage_of(decided).name) == ("Moving", "direct")
    assert decided.status.candidate is not None
    assert decided.status.candidate.ungated == "PromotedFull"
    assert decided.status.history[-1].outcome == "PromotedFull"
    assert "alice" in decided.status.history[-1].message


PAST_ITS_APPROVAL = but(
    SOAKING, spec=approval(excludeAuthor=True), candidate=named(V2, author="alice"),
    stage=StageStatus(name="full", index=1),
)  # fmt: skip
SOMEBODY_ELSES = but(
    SOAKING, spec=approval(excludeAuthor=True), candidate=named(V2, author="bob"),
    rest={"author": "bob"},
)  # fmt: skip


@pytest.mark.parametrize(
    "base", [PAST_ITS_APPROVAL, SOMEBODY_ELSES], ids=["it has passed", "it is somebody else's"]
)
def test_nobody_is_kept_from_promoting_in_full_where_no_approval_is_passed_over(
    base: World,
) -> None:
    assert ruled(decide(base, Act.PROMOTE_FULL)) == ["Applied"]


def test_a_promotion_in_full_lifts_a_rejection() -> None:
    seen = deciding(world(rejected=rejection(V2)), decision(Act.PROMOTE_FULL))
    decided = plan(seen, NOW)
    assert decided.status.rejected is None
    assert decided.status.candidate is not None
    assert decided.status.candidate.smoke_tested is False
    assert "callers" not in did(decided)


def test_a_promotion_in_full_goes_nowhere_without_a_place() -> None:
    tight = {
        "replicas": 1,
        "strategy": {"canary": {"stages": [{"name": "a", "weight": 50}], "maxSurge": 0}},
    }
    base = world(rejected=rejection(V2), spec=tight, arms=(arm(V1, 1),))
    decided = decide(base, Act.PROMOTE_FULL)
    assert ruled(decided) == ["Refused"]
    assert "maxSurge" in said(decided)


# ── Retry ────────────────────────────────────────────────────────────────────────────────────────


def test_a_retry_forgets_the_rejection_and_begins_with_the_first_stage() -> None:
    decided = decide(world(rejected=rejection(V2)), Act.RETRY)
    assert decided.status.rejected is None
    assert stage_of(decided).name == "half"
    assert decided.status.candidate is not None
    assert decided.status.candidate.ungated == ""


def test_a_retry_asks_the_api_server_again() -> None:
    seen = deciding(world(rejected=rejection(V2), answers=Answers()), decision(Act.RETRY))
    assert needs(seen, NOW).dry_run is not None


def test_a_retry_measures_the_stage_anew() -> None:
    decided = decide(but(SOAKING, stage=ended()), Act.RETRY)
    assert stage_of(decided).entered_at == NOW


# ── Pause, Resume, and the spec ──────────────────────────────────────────────────────────────────


def test_a_pause_holds_the_stage_and_a_resume_ends_it() -> None:
    over = trial(stage=ended())
    held = decide(over, Act.PAUSE)
    assert held.status.hold == Hold(by="alice", reason="the load test is over", at=NOW)
    assert (reason(held), stage_of(held).name) == ("Paused", "half")
    assert "paused by alice at 12:00:00Z (the load test is over)" in held.status.message
    resumed = decide(but(over, status={"hold": held.status.hold, "stage": ended()}), Act.RESUME)
    assert (resumed.status.hold, stage_of(resumed).name) == (None, "full")


def test_a_failure_in_a_pause_is_still_taken_back() -> None:
    held = but(SOAKING, status={"hold": HOLD}, answers=Answers(smoke=SmokeResult(V2, "HTTP 500")))
    assert reason(plan(held.observed(), NOW)) == "RolledBack"


SPEC_WINS: dict[str, tuple[tuple[bool, bool], Act, str, str]] = {
    "paused, and somebody resumes": ((False, True), Act.RESUME, "Refused", ""),
    "paused, and somebody pauses": ((False, True), Act.PAUSE, "Applied", ""),
    "unpaused, and somebody pauses": ((True, False), Act.PAUSE, "Superseded", ""),
    "unpaused, and somebody resumes": ((True, False), Act.RESUME, "Superseded", ""),
    "unchanged, and somebody pauses": ((False, False), Act.PAUSE, "Applied", "alice"),
    "unchanged, and somebody resumes": ((False, False), Act.RESUME, "Applied", ""),
}


@pytest.mark.parametrize(("paused", "act", "outcome", "holder"), SPEC_WINS.values(), ids=SPEC_WINS)
def test_the_spec_wins_when_both_change(
    paused: tuple[bool, bool], act: Act, outcome: str, holder: str
) -> None:
    was, becomes = paused
    before = {"paused_by_spec": was, "hold": HOLD if act is Act.RESUME else None}
    decided = decide(but(SOAKING, spec={**SOAK, "paused": becomes}, status=before), act)
    assert ruled(decided) == [outcome]
    assert (decided.status.hold.by if decided.status.hold else "") == holder
    assert decided.status.paused_by_spec == becomes


def test_a_hold_ends_when_the_spec_changes_its_mind() -> None:
    before = {"paused_by_spec": True, "hold": HOLD}
    assert plan(but(SOAKING, status=before).observed(), NOW).status.hold is None


def test_a_newer_spec_supersedes_what_was_decided_about_the_older_one() -> None:
    newer = trial(version="3.0.0", stored=(V1, V2, V3), status={"observed_generation": 6})
    decided = decide(newer, Act.ABORT)
    assert ruled(decided) == ["Superseded"]
    assert decided.status.rejected is None


GITOPS_RETRIES: dict[str, tuple[World, Act, str, bool]] = {
    "a retry by both measures the stage anew": (
        but(SOAKING, stage=ended(), spec={**SOAK, "retry": "again"}), Act.RETRY, "Applied", True),
    "a retry by both tries a rejected revision once": (
        world(rejected=rejection(V2), spec={"retry": "again"}), Act.RETRY, "Superseded", True),
    "a retry does not keep anybody from taking it back": (
        but(SOAKING, spec={**SOAK, "retry": "again"}), Act.ABORT, "Applied", False),
}  # fmt: skip


@pytest.mark.parametrize(
    ("base", "act", "outcome", "tried"), GITOPS_RETRIES.values(), ids=GITOPS_RETRIES
)
def test_a_retry_in_the_spec_beside_a_decision(
    base: World,
    act: Act,
    outcome: str,
    tried: bool,  # noqa: FBT001 (a column of the table)
) -> None:
    decided = decide(base, act)
    assert ruled(decided) == [outcome]
    assert (decided.status.candidate is not None) == tried


# ── Taken once ───────────────────────────────────────────────────────────────────────────────────


def line(uid: str, **changes: Any) -> Taken:
    facts = {"uid": uid, "name": uid, "outcome": Outcome.APPLIED, "at": NOW, **changes}
    return Taken.model_validate(facts)


def test_a_decision_is_taken_once_and_answered_until_it_has_its_answer() -> None:
    seen = deciding(SOAKING, decision(Act.RETRY))
    one = plan(seen, NOW)
    crashed = replace(seen, status=one.status)
    two = plan(crashed, NOW + MINUTE)
    assert two.status.decisions == one.status.decisions
    assert stage_of(two).entered_at == NOW
    assert answers(two) == answers(one)
    told = obey(crashed, two)
    assert answers(plan(told, NOW)) == []


def test_several_are_taken_in_their_order() -> None:
    acts = (Act.PAUSE, Act.PAUSE, Act.RESUME, Act.RESUME, Act.ABORT, Act.RETRY, Act.RETRY)
    decided = decide(SOAKING, *acts)
    letters = "".join(it[0] for it in ruled(decided))
    assert letters == "AAAASAS"
    assert decided.status.decisions[0].message.startswith("stage half: aborted by alice"), (
        "before all others"
    )
    assert decided.status.rejected is None


def test_who_takes_a_bad_revision_back_waits_for_nobody() -> None:
    crowd = [decision(Act.PAUSE, by=f"p{number}") for number in range(8000)]
    decided = plan(deciding(SOAKING, *crowd, decision(Act.ABORT)), NOW)
    assert decided.status.candidate is None
    assert decided.status.rejected is not None


def test_an_abort_of_what_an_earlier_retry_begins_keeps_its_turn() -> None:
    base = world(status={"rejected": rejection(V2)})
    acts = (decision(Act.RETRY), decision(Act.ABORT))
    decided = plan(deciding(base, *acts), NOW)
    assert [it.uid for it in decided.status.decisions] == [it.uid for it in acts]


def test_of_too_many_the_oldest_are_refused_and_nothing_is_remembered_of_them() -> None:
    crowd = tuple(decision(Act.PAUSE, by=f"p{number}") for number in range(3 * MOST_WAITING))
    seen, refused = deciding(SOAKING, *crowd), list[str]()
    for _ in range(12):
        decided = plan(seen, NOW)
        told = {it.uid: it for it in decided.actions if isinstance(it, AnswerDecision)}
        assert len(told) <= MOST_WAITING + MOST
        refused += [uid for uid, it in told.items() if it.outcome is Outcome.REFUSED]
        seen = obey(seen, decided)
    assert refused == [it.uid for it in crowd[: 2 * MOST_WAITING - MOST]], "those taken meanwhile"
    assert all(it.outcome for it in seen.decisions)
    assert seen.status.hold is not None
    assert seen.status.hold.by == f"p{2 * MOST_WAITING}"


def test_pruned_decisions_change_nothing() -> None:
    known = {"decisions": (line("u"),), "hold": HOLD, "observed_generation": 7}
    decided = plan(but(SOAKING, status=known).observed(), NOW)
    assert decided.status.decisions == (line("u"),)
    assert decided.status.hold == HOLD


def test_a_change_of_spec_forgets_what_was_answered_and_nothing_else() -> None:
    waiting = decision(Act.PAUSE)
    known = {"decisions": (line("gone"), line(waiting.uid)), "observed_generation": 6}
    decided = plan(deciding(but(SOAKING, status=known), waiting), NOW)
    assert [it.uid for it in decided.status.decisions] == [waiting.uid]
    assert decided.status.hold is None


def test_what_has_its_answer_is_not_taken_though_nobody_remembers_it() -> None:
    done = replace(decision(Act.PAUSE), outcome=Outcome.APPLIED)
    decided = plan(deciding(SOAKING, done), NOW)
    assert (decided.status.decisions, decided.status.hold) == ((), None)


def uids(lines: Sequence[Taken]) -> list[str]:
    return [it.uid for it in lines]


def test_a_crowd_is_heard_in_several_passes_and_nobody_twice() -> None:
    crowd = tuple(decision(Act.PAUSE, by=f"p{number}") for number in range(2 * MOST + 3))
    known = {"decisions": tuple(line(f"old-{n}") for n in range(MOST)), "observed_generation": 7}
    seen = deciding(but(SOAKING, status=known), *crowd)
    heard: list[str] = []
    for _ in range(4):
        decided = plan(seen, NOW)
        fresh = [
            it for it in uids(decided.status.decisions) if it not in uids(seen.status.decisions)
        ]
        assert len(decided.status.decisions) <= MOST
        heard += fresh
        seen = obey(seen, decided)
    assert heard == [it.uid for it in crowd]
    assert all(it.outcome for it in seen.decisions)
    assert seen.status.hold is not None
    assert seen.status.hold.by == "p0"


def test_nobody_decides_about_a_spec_that_cannot_be_read() -> None:
    seen = deciding(SOAKING, decision(Act.PAUSE))
    decided = plan(replace(seen, spec=Unreadable("spec.model: Field required")), NOW)
    assert decided.status.decisions == ()


def test_an_answered_decision_is_told_once() -> None:
    seen = deciding(SOAKING, decision(Act.PAUSE))
    decided = plan(seen, NOW)
    assert [it.reason for it in decided.events if it.reason.startswith("Decision")] == [
        "DecisionApplied"
    ]
    assert not plan(obey(seen, decided), NOW).events
