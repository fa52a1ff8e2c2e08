"""Who may decide what, on a real API server with the policies and roles as they are shipped."""

import contextlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lockstep.api.decision import NEVER_CHANGES, Act
from tests.apiserver.conftest import Kubectl
from tests.apiserver.governed import governed
from tests.apiserver.people import GROUP, MERGE, Answer, Manifest, Person, until
from tests.apiserver.wire import Wire
from tests.unit.api.manifests import (
    BLUE_GREEN,
    DECISION,
    EXIT_CRITERIA,
    GONE,
    MODEL_DEPLOYMENT,
    change,
)

pytestmark = pytest.mark.apiserver

BIGGER = {"spec": {"replicas": 2}}
RBAC = "/apis/rbac.authorization.k8s.io/v1"
CANDIDATE, REJECTED = "7f9c2b1e", "0badc0de"
ROBOT = "system:serviceaccount:argocd:argocd-application-controller"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Team:
    """A namespace in which every role is somebody's, and everybody else knows nobody."""

    admin: Person
    namespace: str

    def person(self, name: str, *groups: str) -> Person:
        return Person(self.admin.wire, f"{name}@example.com", groups)

    def path(self, plural: str, name: str = "") -> str:
        return f"{GROUP}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def decide(self, who: Person, act: str, *, query: str = "?dryRun=All", **spec: Any) -> Answer:
        """Have somebody write a Decision about the candidate of ModelDeployment fraud."""
        given: dict[str, object] = {"by": who.name, "groups": [], "act": act, **spec}
        if "target" in given:
            given["target"] = {"name": given["target"]}
        name = f"decision-{next(_numbers):04}"
        changes = {f"spec.{key}": value for key, value in given.items()}
        manifest = change(DECISION, {"metadata.name": name, **changes})
        return who.ask("POST", self.path("decisions") + query, manifest)

    def bind(self, kind: str, role: str, subject: str, subject_kind: str = "User") -> None:
        path = f"{RBAC}/namespaces/{self.namespace}/rolebindings"
        binding = _binding(kind, role, subject, subject_kind)
        self.admin.must("POST", path, binding, "application/json")

    def deploy(self, name: str, status: Manifest, **changes: Any) -> None:
        """Write a ModelDeployment as the administrator, with the status that the operator gave."""
        by_path = {path.replace("__", "."): value for path, value in changes.items()}
        manifest = change(MODEL_DEPLOYMENT, {"metadata.name": name, **STAGES, **by_path})
        self.admin.must("POST", self.path("modeldeployments"), manifest, "application/json")
        self.report(name, status)

    def report(self, name: str, status: Manifest) -> None:
        at = self.path("modeldeployments", f"{name}/status")
        self.admin.must("PATCH", at, {"status": status})


def _binding(kind: str, role: str, subject: str, subject_kind: str = "User") -> Manifest:
    api = "rbac.authorization.k8s.io"
    return {
        "metadata": {"name": f"binding-{next(_numbers)}"},
        "roleRef": {"apiGroup": api, "kind": kind, "name": role},
        "subjects": [{"apiGroup": api, "kind": subject_kind, "name": subject}],
    }


def on_trial(author: str = "wanda@example.com", **more: object) -> Manifest:
    return {"candidate": {**of_nobody(), "author": author}, **more}


def of_nobody() -> Manifest:
    """A candidate of which it is not known who wrote it, as it is stored."""
    return {"revision": CANDIDATE, "version": "2.4.0"}


STAGES = {
    "spec.changeRequest": GONE,
    "spec.strategy.canary.stages": [
        {"name": "first", "weight": 5},
        {"name": "quarter", "weight": 25, "approval": {"excludeAuthor": True}},
        {"name": "half", "weight": 50, "approval": {"required": 2}},
        {"name": "full", "weight": 100, "approval": None},
    ],
}
PREVIEW = {
    "spec__strategy": {
        "blueGreen": change(BLUE_GREEN, {"prePromotion.approval.excludeAuthor": True})
    }
}
TICKET = {"system": "jira", "id": "CHG-1"}
ASKED_BY_NOBODY = {"spec__changeRequest": TICKET}
ASKED_BY_RUTH = {"spec__changeRequest": {**TICKET, "requestedBy": "ruth@example.com"}}


@pytest.fixture(scope="module")
def wire(api_server: Path) -> Iterator[Wire]:
    with contextlib.closing(Wire.open(api_server)) as opened:
        yield opened


@pytest.fixture(scope="module")
def team(wire: Wire, kubectl: Kubectl) -> Iterator[Team]:
    admin, namespace = Person(wire), f"team-{next(_numbers)}"
    kubectl("create", "namespace", namespace)
    with governed(kubectl, admin, "base"):
        made = Team(admin, namespace)
        for name, role in ROLES.items():
            made.bind("ClusterRole", role, f"{name}@example.com")
        made.bind("ClusterRole", "lockstep-approver", "ml-fraud", "Group")
        _let_rita_approve_fraud_only(made)
        until(
            "all roles are known, the last of them first",
            lambda: made.decide(made.person("rita"), "Approve", target="nothing"),
            lambda it: "cannot create" not in it.body.get("message", ""),
        )
        _deploy_everything(made)
        until(
            "the parameters are as fresh as the last status",
            lambda: made.decide(made.person("pat"), "Promote", target="last"),
            lambda it: it.ok,
        )
        yield made
    kubectl("delete", "namespace", namespace, "--wait=false")


ROLES = {
    "vera": "lockstep-viewer",
    "dave": "lockstep-developer",
    "alice": "lockstep-approver",
    "pat": "lockstep-platform",
    "wanda": "lockstep-platform",
    "ruth": "lockstep-platform",
}
"""Who has which role in the namespace; names are those of users at example.com."""


def _let_rita_approve_fraud_only(team: Team) -> None:
    rules = [
        {"apiGroups": ["lockstep.dev"], "resources": ["decisions"], "verbs": ["create"]},
        {
            "apiGroups": ["lockstep.dev"],
            "resources": ["modeldeployments"],
            "verbs": ["approve"],
            "resourceNames": ["fraud"],
        },
    ]
    role = {"metadata": {"name": "approves-fraud"}, "rules": rules}
    path = f"{RBAC}/namespaces/{team.namespace}/roles"
    team.admin.must("POST", path, role, "application/json")
    team.bind("Role", "approves-fraud", "rita@example.com")


def _deploy_everything(team: Team) -> None:
    rejected = {"revision": REJECTED, "version": "2.3.0", "reason": "x", "message": "x"}
    past: Manifest = {"rejected": {**rejected, "at": "2026-01-01T00:00:00Z"}}
    team.deploy("fraud", on_trial(**past))
    team.deploy("churn", on_trial())
    team.deploy("quiet", past)
    team.deploy("preview", on_trial(), **PREVIEW)
    team.deploy("late", on_trial(stage={"name": "half", "index": 2}))
    team.deploy("unknown", {"candidate": of_nobody()})
    team.deploy("earlier", on_trial(author=""))
    team.deploy("robot", on_trial(author=ROBOT), **ASKED_BY_NOBODY)
    team.deploy("robot-for-ruth", on_trial(author=ROBOT), **ASKED_BY_RUTH)
    team.deploy("for-ruth", on_trial(), **ASKED_BY_RUTH)
    team.admin.must(
        "POST",
        team.path("modeldeployments"),
        change(MODEL_DEPLOYMENT, {"metadata.name": "silent", **STAGES}),
        "application/json",
    )
    team.deploy("touched", on_trial())
    team.person("pat").must(
        "PATCH", team.path("modeldeployments", "touched"), {"spec": {"minReadySeconds": 9}}
    )
    _launder(team)
    team.deploy("last", on_trial())


def _launder(team: Team) -> None:
    """Wanda writes version 3 while it is held, then pat changes a number of seconds."""
    team.deploy("laundered", {"phase": "Healthy", "observedGeneration": 1})
    at = team.path("modeldeployments", "laundered")
    team.person("wanda").must("PATCH", at, {"spec": {"model": {"version": "3.0.0"}}})
    team.report("laundered", {"phase": "Paused", "observedGeneration": 2})
    team.person("pat").must("PATCH", at, {"spec": {"minReadySeconds": 9}})
    team.report("laundered", {"phase": "Progressing", **on_trial(author="pat@example.com")})
    for number in range(17):
        patch = {"spec": {"model": {"version": f"3.0.{number}"}}}
        if number == 0:
            team.deploy("crowded", on_trial())
        person = Person(team.admin.wire, f"robot-{number}", ("system:masters",))
        person.must("PATCH", team.path("modeldeployments", "crowded"), patch)
    ticket = {"spec": {"changeRequest": {**TICKET, "requestedBy": "ruth@example.com"}}}
    team.deploy("borrowed", on_trial(), **ASKED_BY_RUTH)
    deployer = f"system:serviceaccount:{team.namespace}:deployer"
    own = Person(team.admin.wire, deployer, ("system:masters",))
    patch = {"spec": {"model": {"version": "3.0.0"}, **ticket["spec"]}}
    own.must("PATCH", team.path("modeldeployments", "borrowed"), patch)


MAY: dict[str, set[Act]] = {
    "vera": set(),
    "dave": {Act.PROMOTE, Act.ABORT, Act.RETRY, Act.PAUSE, Act.RESUME},
    "alice": {Act.APPROVE, Act.REJECT},
    "pat": set(Act),
}


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("name", MAY)
def test_a_role_may_decide_what_it_is_for(team: Team, name: str, act: Act) -> None:
    answer = team.decide(team.person(name), act.value)
    if act in MAY[name]:
        assert answer.ok, answer
        return
    assert answer.code == 403
    if name == "vera":
        assert 'cannot create resource "decisions"' in answer.body["message"]
    else:
        verb = act.value.lower()
        assert answer.says == (
            f"{name}@example.com may not {verb} ModelDeployment fraud in namespace "
            f"{team.namespace}: no role grants the verb {verb} on modeldeployments.lockstep.dev"
        )


OWNED = "a Decision must not have metadata.ownerReferences: it stays when other objects are deleted"


@pytest.mark.parametrize("owner", ["a-made-up-uid", "real"])
def test_a_decision_goes_with_nobody(team: Team, owner: str) -> None:
    alice = team.person("alice")
    config = {"metadata": {"name": f"owner-{owner}"}}
    made = team.admin.must(
        "POST", f"/api/v1/namespaces/{team.namespace}/configmaps", config, "application/json"
    ).body
    uid = made["metadata"]["uid"] if owner == "real" else owner
    refers = {"apiVersion": "v1", "kind": "ConfigMap", "name": f"owner-{owner}", "uid": uid}
    changes = {"metadata.ownerReferences": [refers], "metadata.name": f"going-{owner}"}
    manifest = change(DECISION, {**changes, "spec.by": alice.name, "spec.groups": []})
    answer = alice.ask("POST", team.path("decisions"), manifest)
    assert answer.says == OWNED
    kept = change(manifest, {"metadata.ownerReferences": GONE})
    alice.must("POST", team.path("decisions"), kept, "application/json")
    later = team.admin.ask(
        "PATCH",
        team.path("decisions", f"going-{owner}"),
        {"metadata": {"ownerReferences": [refers]}},
        MERGE,
    )
    assert later.says == OWNED


def test_a_role_reaches_its_namespace_only(team: Team) -> None:
    elsewhere = team.path("decisions").replace(team.namespace, "default")
    manifest = change(DECISION, {"spec.by": "alice@example.com", "spec.groups": []})
    answer = team.person("alice").ask("POST", f"{elsewhere}?dryRun=All", manifest)
    assert (answer.code, answer.body["reason"]) == (403, "Forbidden")


def test_a_service_account_of_the_namespace_speaks_for_nobody(team: Team) -> None:
    """Whoever has the built-in `edit` there may act as it, and name anybody in requestedBy."""
    assert team.decide(
        team.person("wanda"), "Approve", target="borrowed", stage="quarter"
    ).says == (
        f"stage quarter excludes the author of revision {CANDIDATE}, which system:serviceaccount:"
        f"{team.namespace}:deployer wrote: anyone who may edit in namespace {team.namespace} can "
        "act as it, so it identifies no person; let a service account of another namespace write, "
        "or list it in policy lockstep-decision-targets (machines)"
    )


def test_a_verb_may_be_granted_for_one_name(team: Team) -> None:
    rita = team.person("rita")
    assert team.decide(rita, "Approve").ok
    assert team.decide(rita, "Approve", target="churn").says.startswith(
        "rita@example.com may not approve ModelDeployment churn "
    )
    assert team.decide(rita, "Reject").says.startswith("rita@example.com may not reject")


def test_a_group_may_be_bound(team: Team) -> None:
    gina = team.person("gina", "ml-fraud")
    assert team.decide(gina, "Approve", groups=["ml-fraud"]).ok


@dataclass(frozen=True, slots=True)
class Case:
    """A Decision; ``says`` is the sentence that refuses it, empty where it is let in."""

    who: str
    act: str
    says: str = ""
    spec: dict[str, Any] = field(default_factory=dict)
    groups: tuple[str, ...] = ()


INSTEAD = f": that is {CANDIDATE}; check it and decide again"
WAS_REJECTED = f" ({REJECTED} was rejected; Retry and PromoteFull may name it)"
SUPERSEDED = (
    f"revision aaaaaaaa is not the candidate of ModelDeployment fraud{INSTEAD}{WAS_REJECTED}"
)
UNKNOWN = (
    f"stage quarter excludes the author of revision {CANDIDATE}, who is unknown: the annotation "
    "lockstep.dev/author was not set on ModelDeployment unknown when it was written (from "
    "Kubernetes 1.36 on a policy sets it)"
)
A_MACHINE = (
    f"stage quarter excludes the author of revision {CANDIDATE}, which {ROBOT} wrote, a machine: "
    "spec.changeRequest.requestedBy of ModelDeployment robot must name the person behind it"
)
CASES: dict[str, Case] = {
    "in the name of somebody else": Case(
        "alice", "Approve",
        "spec.by is bob@example.com, but you are authenticated as alice@example.com: set spec.by "
        "to your own name",
        {"by": "bob@example.com"},
    ),
    "for a group of somebody else": Case(
        "gina", "Approve", "gina@example.com is not in ml-risk, audit: spec.groups may name only "
        "your own groups", {"groups": ["ml-risk", "ml-fraud", "audit"]}, ("ml-fraud",),
    ),
    "for one of several groups": Case(
        "gina", "Approve", "", {"groups": ["ml-fraud"]}, ("ml-fraud", "ml-risk")
    ),
    "for no group": Case("gina", "Approve", "", {"groups": GONE}, ("ml-fraud",)),
    "about a revision that was superseded": Case(
        "pat", "Promote", SUPERSEDED, {"revision": "aaaaaaaa"},
    ),
    "approves a revision that was rejected": Case(
        "alice", "Approve",
        f"revision {REJECTED} is not the candidate of ModelDeployment fraud{INSTEAD}{WAS_REJECTED}",
        {"revision": REJECTED},
    ),
    "retries a revision that was rejected": Case("dave", "Retry", "", {"revision": REJECTED}),
    "promotes a revision that was rejected in full": Case(
        "pat", "PromoteFull", "", {"revision": REJECTED}
    ),
    "retries a stage of the candidate": Case("dave", "Retry"),
    "retries anything else": Case(
        "dave", "Retry", SUPERSEDED, {"revision": "aaaaaaaa"},
    ),
    "aborts where nothing is on trial": Case(
        "dave", "Abort",
        f"revision {CANDIDATE} is not the candidate of ModelDeployment quiet: there is none"
        f"{WAS_REJECTED}", {"target": "quiet"},
    ),
    "aborts where the operator has said nothing yet": Case(
        "dave", "Abort",
        f"revision {CANDIDATE} is not the candidate of ModelDeployment silent: there is none",
        {"target": "silent"},
    ),
    "pauses whatever is on trial": Case("dave", "Pause", "", {"revision": GONE}),
    "pauses where the operator has said nothing yet": Case(
        "dave", "Pause", "", {"target": "silent", "revision": GONE}
    ),
    "about what does not exist: the operator answers": Case(
        "pat", "Promote", "", {"target": "nothing"}
    ),
    "approves what they wrote": Case(
        "wanda", "Approve",
        f"wanda@example.com wrote revision {CANDIDATE}, and stage quarter requires another person",
    ),
    "approves what they wrote while it was held, though somebody else touched it since": Case(
        "wanda", "Approve",
        f"wanda@example.com wrote revision {CANDIDATE}, and stage quarter requires another person",
        {"target": "laundered"},
    ),
    "nobody approves what more people wrote than are known": Case(
        "alice", "Approve",
        f"stage quarter excludes the authors of revision {CANDIDATE}, and some of them are "
        "unknown: more than 16 people changed what runs, or some did before names were recorded; "
        "set ModelDeployment crowded back to stable and apply the change again",
        {"target": "crowded"},
    ),
    "skips the stage that others should approve": Case(
        "wanda", "SkipStage",
        f"wanda@example.com wrote revision {CANDIDATE}, and stage quarter requires another person",
    ),
    "promotes what they wrote in full, past the stage that others should approve": Case(
        "wanda", "PromoteFull",
        f"wanda@example.com wrote revision {CANDIDATE}, and stage quarter requires another person",
    ),
    "promotes what they wrote in full, after the stage that others approved": Case(
        "wanda", "PromoteFull", "", {"target": "late"}
    ),
    "promotes the switch to what they wrote in full": Case(
        "wanda", "PromoteFull",
        f"wanda@example.com wrote revision {CANDIDATE}, and stage pre-promotion requires another "
        "person", {"target": "preview"},
    ),
    "promotes in full what nobody is known to have written": Case(
        "pat", "PromoteFull", UNKNOWN, {"target": "unknown"}
    ),
    "rejects what they wrote": Case("wanda", "Reject"),
    "approves what they wrote where that is allowed": Case(
        "wanda", "Approve", "", {"stage": "half"}
    ),
    "approves a stage without approval": Case("wanda", "Approve", "", {"stage": "first"}),
    "approves a stage whose approval is null": Case("wanda", "Approve", "", {"stage": "full"}),
    "approves what somebody else wrote": Case("ruth", "Approve"),
    "approves what they changed since": Case(
        "pat", "Approve",
        ("pat@example.com changed ModelDeployment touched, and stage quarter requires another "
        "person"),
        {"target": "touched"},
    ),
    "approves the switch to what they wrote": Case(
        "wanda", "Approve",
        f"wanda@example.com wrote revision {CANDIDATE}, and stage pre-promotion requires another "
        "person", {"target": "preview", "stage": "pre-promotion"},
    ),
    "approves the switch to what somebody else wrote": Case(
        "alice", "Approve", "", {"target": "preview", "stage": "pre-promotion"}
    ),
    "approves what nobody is known to have written": Case(
        "alice", "Approve", UNKNOWN, {"target": "unknown"}
    ),
    "approves what nobody is known to have written, as an earlier operator stored it": Case(
        "alice", "Approve", UNKNOWN.replace("ment unknown", "ment earlier"), {"target": "earlier"}
    ),
    "approves what nobody is known to have written, where that matters not": Case(
        "alice", "Approve", "", {"target": "unknown", "stage": "half"}
    ),
    "approves what a machine wrote for nobody": Case(
        "alice", "Approve", A_MACHINE, {"target": "robot"}
    ),
    "approves what a machine wrote for somebody else": Case(
        "alice", "Approve", "", {"target": "robot-for-ruth"}
    ),
    "approves what a machine wrote for them": Case(
        "ruth", "Approve",
        "ruth@example.com asked for ModelDeployment robot-for-ruth in "
        "spec.changeRequest.requestedBy, and stage quarter requires another person",
        {"target": "robot-for-ruth"},
    ),
    "approves what somebody wrote for them": Case(
        "ruth", "Approve",
        "ruth@example.com asked for ModelDeployment for-ruth in spec.changeRequest.requestedBy, "
        "and stage quarter requires another person", {"target": "for-ruth"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_person(team: Team, case: Case) -> None:
    answer = team.decide(team.person(case.who, *case.groups), case.act, **case.spec)
    assert answer.says == case.says
    assert answer.ok is not bool(case.says), answer


def test_a_decision_never_changes_but_for_its_labels(team: Team) -> None:
    written = team.decide(team.person("dave"), "Pause", query="")
    at = team.path("decisions", written.body["metadata"]["name"])
    pat = team.person("pat")
    changed = pat.ask("PATCH", at, {"spec": {"by": "pat@example.com"}}, MERGE)
    assert NEVER_CHANGES.sentence in changed.body["message"]
    assert not changed.ok
    assert pat.ask("PATCH", at, {"metadata": {"labels": {"incident": "7"}}}, MERGE).ok


def test_the_policy_says_so_where_the_definition_does_not(team: Team, kubectl: Kubectl) -> None:
    """A CustomResourceDefinition that somebody trimmed opens no way round."""
    written = team.decide(team.person("dave"), "Pause", query="")
    at = team.path("decisions", written.body["metadata"]["name"])
    rules = "/spec/versions/0/schema/openAPIV3Schema/x-kubernetes-validations"
    patch = json.dumps([{"op": "remove", "path": rules}])
    kubectl("patch", "crd", "decisions.lockstep.dev", "--type=json", "-p", patch)
    try:
        until(
            "the policy refuses",
            lambda: team.person("pat").ask("PATCH", at, {"spec": {"reason": "other"}}, MERGE),
            lambda it: it.says == NEVER_CHANGES.sentence,
        )
    finally:
        kubectl("apply", "--server-side", "--force-conflicts", "-f", "crds/decisions.yaml")


def test_what_became_of_a_decision_is_for_the_operator_to_say(team: Team) -> None:
    written = team.decide(team.person("dave"), "Pause", query="")
    at = team.path("decisions", written.body["metadata"]["name"] + "/status")
    status = {"outcome": "Applied", "message": "I said so", "at": "2026-01-01T00:00:00Z"}
    for name in ROLES:
        answer = team.person(name).ask("PATCH", at, {"status": status}, MERGE)
        assert answer.code == 403, name
    operator = Person(team.admin.wire, "system:serviceaccount:lockstep-system:lockstep-operator")
    team.bind("ClusterRole", "lockstep-operator", operator.name)
    until(
        "the operator may answer",
        lambda: operator.ask("PATCH", at, {"status": status}, MERGE),
        lambda it: it.ok,
    )


def test_a_deployment_s_status_is_for_the_operator_to_say(team: Team) -> None:
    """Whoever could write it could name the author, or an approval."""
    at = team.path("modeldeployments", "fraud/status")
    for name in ROLES:
        assert team.person(name).ask("PATCH", at, {"status": on_trial()}, MERGE).code == 403


def criteria(kind: str) -> Manifest:
    return change(EXIT_CRITERIA, {"kind": kind})


WRITES: dict[str, tuple[str, str, Manifest, set[str]]] = {
    "a ModelDeployment": (
        "POST", "modeldeployments", change(MODEL_DEPLOYMENT, {"metadata.name": "new"}),
        {"dave", "pat"},
    ),
    "its size": ("PATCH", "modeldeployments/fraud/scale", BIGGER, {"dave", "pat"}),
    "its end": ("DELETE", "modeldeployments/churn", {}, {"dave", "pat"}),
    "ExitCriteria": ("POST", "exitcriteria", criteria("ExitCriteria"), {"dave", "pat"}),
    "the end of a Decision": ("DELETE", "decisions/none", {}, {"pat"}),
}  # fmt: skip


@pytest.mark.parametrize(("method", "what", "body", "who"), WRITES.values(), ids=WRITES)
def test_who_may_write(team: Team, method: str, what: str, body: Manifest, who: set[str]) -> None:
    content = MERGE if method == "PATCH" else "application/json"
    asked = {
        name: team.person(name).ask(method, f"{team.path(what)}?dryRun=All", body, content)
        for name in MAY
    }
    assert {name for name, answer in asked.items() if answer.code != 403} == who


def test_criteria_of_the_cluster_are_the_platform_s(team: Team) -> None:
    """Bound in a namespace the role does not reach them; bound everywhere it does."""
    path = f"{GROUP}/clusterexitcriteria?dryRun=All"
    shared = criteria("ClusterExitCriteria")
    assert {team.person(name).ask("POST", path, shared).code for name in MAY} == {403}
    binding = _binding("ClusterRole", "lockstep-platform", "pat@example.com")
    at = f"{RBAC}/clusterrolebindings"
    team.admin.must("POST", at, binding, "application/json")
    until(
        "the platform team may write them",
        lambda: team.person("pat").ask("POST", path, shared),
        lambda it: it.ok,
    )
    team.admin.ask("DELETE", f"{at}/{binding['metadata']['name']}")


@pytest.mark.parametrize("plural", ["modeldeployments", "exitcriteria", "decisions"])
def test_everybody_with_a_role_may_look(team: Team, plural: str) -> None:
    assert all(team.person(name).ask("GET", team.path(plural)).ok for name in ROLES)
    assert team.person("nobody").ask("GET", team.path(plural)).code == 403
