"""A restart that gets no pod says who refuses it, in whose words, and what there is to do."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockstep.adapters.kubernetes.replica_sets import create_failure_reason
from lockstep.core.facts import Trouble
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.planner import plan
from tests.unit.rollout.conftest import Says
from tests.unit.rollout.test_planner import reason
from tests.unit.rollout.test_restart import AGO, HOMELESS, asked, edited, fresh, stable
from tests.unit.rollout.worlds import NOW, V1, arm

WEBHOOK = 'admission webhook "images.example.com" denied the request: tag latest is not allowed'
AWAY = 'Internal error occurred: failed calling webhook "inject.example.com": connection refused'
POLICY = (
    "pods \"fraud-x\" is forbidden: ValidatingAdmissionPolicy 'no-root' with binding 'no-root' "
    "denied request: runAsNonRoot must be true"
)
SECURITY = (
    'pods "fraud-x" is forbidden: violates PodSecurity "restricted:latest": '
    "allowPrivilegeEscalation != false"
)
FULL = 'pods "fraud-x" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=4'
QUOTA = "ResourceQuota compute"
RULE = 'pods "fraud-x" is forbidden: no such priority class'
CANARY: dict[str, Any] = {"canary": {"stages": [{"name": "full", "weight": 100}]}}
IN_PLACE: dict[str, Any] = {"canary": {**CANARY["canary"], "maxSurge": 0}}
ROLLING: dict[str, Any] = {"rolling": {}}
LET_GO: dict[str, Any] = {"rolling": {"maxSurge": 0, "maxUnavailable": 1}}
BLUE_GREEN: dict[str, Any] = {"blueGreen": {}}
ONE_PLACE = (
    "or replace the pod without surge (strategy: {rolling: {maxSurge: 0, maxUnavailable: 1}}; "
    "no pod answers meanwhile)"
)
OR_NOT = ", or remove spec.restartAt"
MEND = f"change the object or the rule that forbids it{OR_NOT}"


def refused(said: str, pods: int = 4) -> Arm:
    trouble = Trouble(create_failure_reason(said), said)
    return edited(fresh(arm(V1, pods), 0), create_failure=trouble)


def of_an_edit(it: Arm) -> Arm:
    return edited(it, edited=(AGO - timedelta(hours=9), NOW - timedelta(minutes=1)))


CASES: dict[str, tuple[Arm, dict[str, Any], str, str]] = {
    "a webhook that says no is named, and nobody is told to make room": (
        refused(WEBHOOK), asked(AGO), "FailedCreate",
        f"; admission webhook images.example.com refuses an extra pod: {WEBHOOK}; {MEND}"),
    "a policy": (
        refused(POLICY), asked(AGO), "FailedCreate",
        f"; ValidatingAdmissionPolicy no-root refuses an extra pod: {POLICY}; {MEND}"),
    "Pod Security": (
        refused(SECURITY), asked(AGO), "PodSecurity",
        f"; Pod Security (restricted:latest) refuses an extra pod: {SECURITY}; {MEND}"),
    "whoever does not say its name": (
        refused(RULE), asked(AGO), "FailedCreate",
        f"; the API server refuses an extra pod: {RULE}; {MEND}"),
    "a webhook that is away is waited for": (
        refused(AWAY), asked(AGO), "Restarting",
        (f"; admission webhook inject.example.com refuses an extra pod: {AWAY}; fix the "
        f"component that the message names{OR_NOT}")),
    "a full quota, with the setting that needs none": (
        refused(FULL), asked(AGO, strategy=CANARY), "Restarting",
        (f"; {QUOTA} refuses an extra pod: {FULL}; free or raise the quota, or replace "
        f"pods without surge (strategy.canary.maxSurge: 0){OR_NOT}")),
    "a full quota where pods are replaced in their own places already": (
        refused(FULL), asked(AGO, strategy=IN_PLACE), "Restarting",
        f"; {QUOTA} refuses an extra pod: {FULL}; free or raise the quota{OR_NOT}"),
    "a full quota for one pod, which a canary never takes": (
        refused(FULL, 1), asked(AGO, strategy=IN_PLACE, replicas=1), "Restarting",
        f"; free or raise the quota, {ONE_PLACE}{OR_NOT}"),
    "a full quota for one pod that may go first": (
        refused(FULL, 1), asked(AGO, strategy=LET_GO, replicas=1), "Restarting",
        f"; free or raise the quota{OR_NOT}"),
    "no node for one pod more": (
        fresh(arm(V1, 4), **HOMELESS), asked(AGO, strategy=ROLLING), "Restarting",
        ("; no room for an extra pod: 0/3 nodes; add capacity, or replace pods without "
        f"surge (strategy: {{rolling: {{maxSurge: 0, maxUnavailable: 1}}}}){OR_NOT}")),
    "no node, and blue-green has no such setting": (
        fresh(arm(V1, 4), **HOMELESS), asked(AGO, strategy=BLUE_GREEN), "Restarting",
        f"; no room for an extra pod: 0/3 nodes; add capacity{OR_NOT}"),
    "a queue that admits pods later is not asked to make room": (
        fresh(arm(V1, 4), gated=True, unschedulable="gated by queue.example.com/admission"),
        asked(AGO), "Restarting",
        ("; pod new-0 is gated by queue.example.com/admission; wait for the controller that set "
        f"the gate, or check it{OR_NOT}")),
    "pods of an edit by hand are replaced with or without spec.restartAt": (
        of_an_edit(refused(WEBHOOK)), {}, "FailedCreate",
        f"{WEBHOOK}; change the object or the rule that forbids it"),
}  # fmt: skip


@pytest.mark.parametrize(("it", "changes", "why", "said"), CASES.values(), ids=CASES)
def test_a_restart_says_who_refuses_it(
    it: Arm, changes: dict[str, Any], why: str, said: str, says: Says
) -> None:
    decided = plan(stable(arms=(it,), **changes).observed(), NOW)
    assert decided.status.message.endswith(said), decided.status.message
    assert reason(decided) == why
    says(decided)


def test_what_takes_a_person_is_told_once() -> None:
    seen = stable(arms=(refused(WEBHOOK),), **asked(AGO)).observed()
    first = plan(seen, NOW)
    assert [it.reason for it in first.events] == ["FailedCreate"]
    assert WEBHOOK in first.events[0].message
    assert plan(replace(seen, status=first.status), NOW).events == ()


LACKS: dict[str, tuple[str, str, str]] = {
    "a policy takes a person": (
        POLICY, "FailedCreate", "change the object or the rule that forbids it"),
    "a quota is waited for": (FULL, "Scaling", "free or raise the quota"),
    "so is a webhook that is away": (
        AWAY, "Scaling", "fix the component that the message names"),
}  # fmt: skip


@pytest.mark.parametrize(("said", "why", "ways"), LACKS.values(), ids=LACKS)
def test_the_last_pod_of_a_restart_in_its_own_place_and_any_other_that_stable_lacks(
    said: str, why: str, ways: str
) -> None:
    trouble = Trouble(create_failure_reason(said), said)
    gone = edited(replace(arm(V1, 4), pods=arm(V1, 3).pods), create_failure=trouble, available=3)
    decided = plan(stable(arms=(gone,), **asked(AGO, strategy=IN_PLACE)).observed(), NOW)
    assert decided.status.message.endswith(f"no pod could be created: {said}; {ways}")
    assert reason(decided) == why
