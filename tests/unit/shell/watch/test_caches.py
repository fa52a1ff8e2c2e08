"""Who is rung for what, and when everything has been seen."""

from lockstep.api.base import Manifest
from lockstep.api.resources import RESOURCES
from lockstep.core.key import Key
from lockstep.shell.watch.caches import Caches
from tests.unit.shell.fakes import kept, watch
from tests.unit.shell.written import FRAUD, callers, child, model_deployment

CHURN = Key("ModelDeployment", "pay", "churn")


def rung(caches: Caches) -> list[Key]:
    bells: list[Key] = []
    caches.enqueue = bells.append
    return bells


def criteria(namespace: str = "pay", version: int = 3) -> Manifest:
    metric = {"name": "p99", "prometheus": {"query": "up"}, "successWhen": {"max": version}}
    metadata = {"name": "quality", "uid": "c", "resourceVersion": str(version)}
    return {"metadata": {**metadata, "namespace": namespace}, "spec": {"metrics": [metric]}}


def using(kind: str) -> Manifest:
    refs = [{"kind": kind, "name": "quality"}]
    stages = [{"name": "a", "weight": 5, "soak": "1m", "exitCriteria": refs}]
    return model_deployment(strategy={"canary": {"stages": stages}})


def test_a_child_rings_for_its_owner() -> None:
    caches = Caches(())
    bells = rung(caches)
    caches.read("replicasets", child())
    caches.read("services", callers({}), "MODIFIED")
    caches.read("replicasets", child(version=20), "DELETED")
    assert bells == [FRAUD] * 3


def test_what_says_nothing_new_rings_for_nobody() -> None:
    caches = Caches(())
    caches.read("replicasets", child())
    bells = rung(caches)
    caches.read("replicasets", child(), "MODIFIED")
    caches.read("replicasets", child(version=11), "MODIFIED")
    assert bells == []


def test_criteria_ring_for_whoever_refers_to_them() -> None:
    caches = Caches(())
    caches.read("modeldeployments", using("ExitCriteria"))
    other = model_deployment()
    other["metadata"] = {**other["metadata"], "name": "churn", "uid": "c"}
    caches.read("modeldeployments", other)
    bells = rung(caches)
    caches.read("exitcriteria", criteria(), "MODIFIED")
    caches.read("exitcriteria", criteria(namespace="elsewhere"), "MODIFIED")
    caches.read("clusterexitcriteria", criteria(namespace=""), "MODIFIED")
    assert bells == [FRAUD]


def test_cluster_criteria_ring_in_every_namespace() -> None:
    caches = Caches(())
    caches.read("modeldeployments", using("ClusterExitCriteria"))
    bells = rung(caches)
    caches.read("clusterexitcriteria", criteria(namespace=""), "MODIFIED")
    assert bells == [FRAUD]


def test_it_is_complete_once_every_resource_was_listed_in_every_namespace() -> None:
    caches = Caches(("a", "b"))
    assert (watch("clusterexitcriteria"), "") in caches.scopes
    for it, namespace in sorted(caches.scopes):
        assert not caches.complete
        assert it.plural in caches.missing
        caches.on_list(it, namespace, [], 1)
    assert caches.complete
    assert caches.completed.is_set()


def test_events_alone_never_make_it_complete() -> None:
    caches = Caches(())
    for it, _ in caches.scopes:
        raw = {"metadata": {"name": "x", "namespace": "pay", "resourceVersion": "1"}}
        caches.read(it.plural, raw, "DELETED")
    assert not caches.complete


def test_a_later_list_rings_for_what_vanished() -> None:
    caches = Caches(())
    caches.on_list(watch("replicasets"), "", kept(caches, "replicasets", child()), 50)
    bells = rung(caches)
    caches.on_list(watch("replicasets"), "", [], 60)
    assert bells == [FRAUD]


def test_every_watch_of_the_table_has_a_cache() -> None:
    watches = {it for resource in RESOURCES for it in resource.watches}
    assert {it.watch for it in Caches(()).informers} == watches
