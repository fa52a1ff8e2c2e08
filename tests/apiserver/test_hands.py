"""Who had a hand in what runs: kept from the moment of writing until a revision is completed."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.apiserver.conftest import Kubectl
from tests.apiserver.governed import governed
from tests.apiserver.people import GROUP, MERGE, Answer, Person
from tests.apiserver.wire import Wire
from tests.unit.api.manifests import MODEL_DEPLOYMENT, change

pytestmark = pytest.mark.apiserver

HANDS = "lockstep.dev/authors"
ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
WRITTEN = change(MODEL_DEPLOYMENT, {"spec.rollbackTo": ""})
LONGER = {"spec": {"minReadySeconds": 9}}


@dataclass(frozen=True, slots=True)
class Served:
    """A ModelDeployment of Alice's, and whoever comes by."""

    wire: Wire
    at: str

    def write(self, who: str, body: object) -> Answer:
        person = Person(self.wire, who, ("system:masters",))
        return person.must("PATCH", self.at, body, MERGE)

    def model(self, who: str, version: str) -> list[str]:
        return self.write(who, {"spec": {"model": {"version": version}}}).authors

    def report(self, **status: object) -> None:
        """As the operator does, of the spec as it stands."""
        admin = Person(self.wire)
        seen = admin.ask("GET", self.at).body["metadata"]["generation"]
        said = {"phase": "Healthy", "observedGeneration": seen, "candidate": None, **status}
        admin.must("PATCH", f"{self.at}/status", {"status": said})


@pytest.fixture(scope="module")
def wire(api_server: Path) -> Iterator[Wire]:
    with contextlib.closing(Wire.open(api_server)) as opened:
        yield opened


@pytest.fixture(scope="module")
def old(wire: Wire, kubectl: Kubectl) -> Served:
    """Somebody's from before there were policies."""
    kubectl("create", "namespace", "before-hands")
    path = f"{GROUP}/namespaces/before-hands/modeldeployments"
    Person(wire).must("POST", path, WRITTEN, "application/json")
    return Served(wire, f"{path}/fraud")


@pytest.fixture(scope="module")
def rules(wire: Wire, kubectl: Kubectl, old: Served) -> Iterator[None]:
    del old  # written before
    with governed(kubectl, Person(wire), "base"):
        yield


@pytest.fixture
def fraud(rules: None, wire: Wire, namespace: str) -> Served:
    """Completed as Alice wrote it."""
    del rules  # they hold from the beginning
    path = f"{GROUP}/namespaces/{namespace}/modeldeployments"
    alice = Person(wire, ALICE, ("system:masters",))
    made = alice.must("POST", path, WRITTEN, "application/json")
    assert made.authors == [ALICE]
    found = Served(wire, f"{path}/fraud")
    found.report()
    return found


def test_whoever_changes_what_runs_first_begins_a_new_list(fraud: Served) -> None:
    assert fraud.model(BOB, "3.0.0") == [BOB]


def test_nobody_is_cleared_by_what_somebody_else_changes_while_it_is_held(fraud: Served) -> None:
    fraud.model(ALICE, "3.0.0")
    fraud.report(phase="Paused")
    later = fraud.write(BOB, LONGER)
    assert (later.author, later.authors) == (BOB, [ALICE])


def test_nor_while_nobody_looks(fraud: Served) -> None:
    fraud.model(ALICE, "3.0.0")
    assert fraud.write(BOB, LONGER).authors == [ALICE]
    assert fraud.model(BOB, "3.0.1") == [ALICE, BOB]


WANTING = {
    "held, or without replicas": {"phase": "Paused"},
    "on trial": {"phase": "Progressing", "candidate": {"revision": "7f9c2b1e", "version": "3"}},
    "baking": {"phase": "Healthy", "candidate": {"revision": "7f9c2b1e", "version": "3"}},
    "rejected, or with criteria missing": {"phase": "Degraded"},
    "seen by an operator that lags": {"observedGeneration": 1},
}


@pytest.mark.parametrize("status", WANTING.values(), ids=WANTING)
def test_until_it_is_completed_all_are_kept(fraud: Served, status: dict[str, object]) -> None:
    fraud.model(ALICE, "3.0.0")
    fraud.report(**status)
    assert fraud.model(BOB, "3.0.1") == [ALICE, BOB]
    assert fraud.model(ALICE, "3.0.2") == [ALICE, BOB]


def test_what_is_completed_is_nobodys_any_more(fraud: Served) -> None:
    fraud.model(ALICE, "3.0.0")
    fraud.report()
    assert fraud.model(BOB, "4.0.0") == [BOB]


def test_a_template_that_waits_behind_a_return_keeps_its_author(fraud: Served) -> None:
    fraud.write(ALICE, {"spec": {"model": {"version": "3.0.0"}, "rollbackTo": "7f9c2b1e"}})
    fraud.report()
    later = fraud.write(BOB, {"spec": {"rollbackTo": ""}})
    assert later.authors == [ALICE, BOB]


def test_the_template_counts_and_not_only_the_model(fraud: Served) -> None:
    labels = {"spec": {"template": {"metadata": {"labels": {"team": "other"}}}}}
    assert fraud.write(BOB, labels).authors == [BOB]


@pytest.mark.parametrize("forged", [BOB, f"{ALICE}\n{BOB}", None])
def test_nobody_forges_the_list(fraud: Served, forged: str | None) -> None:
    note = {"metadata": {"annotations": {HANDS: forged}}}
    assert fraud.write(BOB, note).authors == [ALICE]
    assert fraud.write(BOB, {**note, **LONGER}).authors == [ALICE]
    fraud.report()
    changed = {**note, "spec": {"model": {"version": "3.0.0"}}}
    assert fraud.write(CAROL, changed).authors == [CAROL]


def test_of_too_many_it_says_that_there_are_more(fraud: Served) -> None:
    """Or sixteen others, such as service accounts that an editor may act as, would push one out."""
    fraud.model(ALICE, "3.0.0")
    for number in range(20):
        found = fraud.model(f"robot-{number}", f"3.0.{number + 1}")
    assert (found[0], len(found), found[-1]) == (ALICE, 17, "?")


def test_what_was_written_before_names_were_kept_is_not_made_up(rules: None, old: Served) -> None:
    del rules
    assert old.model(BOB, "3.0.0") == ["?", BOB]
    old.report()
    assert old.model(BOB, "3.0.1") == [BOB]
