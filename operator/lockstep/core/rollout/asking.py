"""What a rollout asks of the world before it decides: a dry run, a smoke test, the gates."""

from lockstep.api.base import Manifest
from lockstep.api.model_deployment import LONGEST_SMOKE_TEST
from lockstep.core.gates import stage as gates
from lockstep.core.gates.question import Question
from lockstep.core.pods import Pod
from lockstep.core.rollout import ports, proving, restart, staged
from lockstep.core.rollout.children import replica_set
from lockstep.core.rollout.needs import DryRun, Smoke
from lockstep.core.rollout.observed import Arm
from lockstep.core.rollout.revision import render
from lockstep.core.rollout.view import View


def template(view: View, revision: str) -> Manifest | None:
    """The revision's pod template: the stored one, or a first rendering of the wanted one.

    Where the stored one was lost, the one that its ReplicaSet has: of a revision that had begun. Of
    another one somebody else has made the ReplicaSet beforehand.
    """
    for stored in view.observed.stored:
        if stored.revision == revision:
            return stored.template
    child = view.observed.arm(revision).replica_set
    if child and child.template and _has_begun(view, revision):
        return child.template
    if revision != view.wanted.revision:
        return None
    return render(view.observed.key.name, revision, view.wanted.inputs, view.spec.drain)


def _has_begun(view: View, revision: str) -> bool:
    before = view.observed.status
    named = (before.stable, before.candidate, before.kept, before.rejected)
    return revision in {it.revision for it in named if it}


def dry_run(view: View) -> DryRun | None:
    """Try the wanted revision on the API server, unless its ReplicaSet already stands there."""
    revision = view.wanted.revision
    rendered = template(view, revision)
    if rendered is None or view.observed.arm(revision).replica_set:
        return None
    owner = replica_set.Owner(key=view.observed.key, uid=view.observed.uid)
    return DryRun(
        revision=revision,
        replica_set=replica_set.replica_set(
            owner, revision, rendered, view.spec.replicas, view.spec.min_ready_seconds
        ),
        pod=replica_set.pod(owner, revision, rendered),
    )


def smoke(view: View, candidate: Arm) -> Smoke | None:
    """Ask one pod of a candidate that has not answered yet, before a readiness gate opens."""
    test = view.spec.smoke_test
    pod = _askable(candidate)
    if test is None or pod is None or proving.proven(view):
        return None
    port = ports.asked_at(view, candidate.revision)
    if port is None:
        return None
    return Smoke(
        revision=candidate.revision,
        pod_uid=pod.uid,
        url=f"http://{_host(pod.ip or '')}:{port}{test.path}",
        body=test.body,
        expect=test.expect,
        timeout=min(test.timeout, LONGEST_SMOKE_TEST),
    )


def _askable(arm: Arm) -> Pod | None:
    able = (pod for pod in arm.made if (pod.ready or pod.held) and pod.ip)
    asked = (pod for pod in able if not restart.of_an_edit(arm, pod))
    return min(asked, key=lambda pod: pod.name, default=None)


def _host(ip: str) -> str:
    return f"[{ip}]" if ":" in ip else ip


def questions(view: View) -> tuple[Question, ...]:
    """The measurements of the stage that are due, for as long as the candidate has callers."""
    stage, status = staged.current(view), view.status.stage
    if status is None or stage is None:
        return ()
    measured = staged.gate_trial(view, stage, status)
    return gates.questions(measured, view.now) if measured else ()
