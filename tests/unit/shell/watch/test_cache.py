"""The newest sighting wins, in whatever order sightings come."""

from typing import Any

import pytest

from lockstep.adapters.kubernetes import pods
from lockstep.adapters.kubernetes.pods import PodRecord
from lockstep.api.base import DEPLOYMENT_LABEL, REVISION_LABEL, Manifest
from lockstep.core.key import Key
from lockstep.shell.watch.cache import Cache, Seen

FRAUD = Key("ModelDeployment", "pay", "fraud")


def pod(name: str, version: int, uid: str = "u1", ready: str = "True", ns: str = "pay") -> Manifest:
    return {
        "metadata": {
            "name": name,
            "namespace": ns,
            "uid": uid,
            "resourceVersion": str(version),
            "labels": {DEPLOYMENT_LABEL: "fraud", REVISION_LABEL: "r1"},
        },
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
    }


def seen(cache: Cache[PodRecord], raw: Manifest) -> Seen[PodRecord]:
    found = cache.seen(raw)
    assert found
    return found


def names(cache: Cache[PodRecord]) -> list[str]:
    return [record.meta.name for record in cache.children(FRAUD)]


def test_an_older_event_does_not_overwrite_newer_content() -> None:
    cache = Cache(pods.prune)
    cache.put(pod("a", 7, ready="True"))
    assert cache.put(pod("a", 5, ready="False")) is None
    assert [it.pod.ready for it in cache.children(FRAUD) if it.pod] == [True]


def test_versions_are_numbers_not_text() -> None:
    cache = Cache(pods.prune)
    cache.put(pod("a", 9, ready="False"))
    assert cache.put(pod("a", 10, ready="True"))


def test_a_sighting_that_says_nothing_new_is_no_news() -> None:
    cache = Cache(pods.prune)
    assert cache.put(pod("a", 1))
    assert cache.put(pod("a", 2)) is None
    assert cache.put(pod("a", 3, ready="False"))


def test_what_is_over_is_kept_no_longer_and_does_not_come_back() -> None:
    cache = Cache(pods.prune, over=lambda it: bool(it.pod and it.pod.ready))
    cache.put(pod("a", 5, ready="False"))
    assert cache.put(pod("a", 8)), "that it is over is news"
    assert cache.put(pod("a", 7, ready="False")) is None
    assert cache.put(pod("a", 9)) is None
    assert (len(cache), names(cache)) == (0, [])


def test_what_is_deleted_does_not_come_back_with_a_late_answer_of_ours() -> None:
    cache = Cache(pods.prune)
    cache.put(pod("a", 5))
    assert cache.drop(seen(cache, pod("a", 8)))
    assert cache.put(pod("a", 7)) is None
    assert names(cache) == []


def test_a_new_object_of_the_same_name_is_another_one() -> None:
    cache = Cache(pods.prune)
    cache.put(pod("a", 5, uid="old"))
    cache.put(pod("a", 9, uid="new"))
    assert cache.drop(seen(cache, pod("a", 8, uid="old"))) is None, (
        "the old one's deletion, heard late"
    )
    assert names(cache) == ["a"]


def test_a_list_removes_what_vanished_while_nobody_watched() -> None:
    cache = Cache(pods.prune)
    for name in ("a", "b"):
        cache.put(pod(name, 5))
    changed = cache.replace("", [seen(cache, pod("b", 5))], 20)
    assert ([it.meta.name for it in changed], names(cache)) == (["a"], ["b"])
    assert cache.put(pod("a", 12)) is None, "an event from before the list"
    assert cache.put(pod("a", 21, uid="u2"))


def test_a_list_keeps_what_was_seen_after_it_was_made() -> None:
    cache = Cache(pods.prune)
    cache.put(pod("ours", 30))
    cache.replace("", [], 20)
    assert names(cache) == ["ours"]


def test_a_list_of_one_namespace_says_nothing_about_others() -> None:
    cache = Cache(pods.prune)
    cache.put(pod("a", 5))
    cache.replace("elsewhere", [], 20)
    assert names(cache) == ["a"]


def test_an_empty_list_removes_everything() -> None:
    cache = Cache(pods.prune)
    cache.put(pod("a", 5))
    cache.replace("pay", [], 20)
    assert (names(cache), len(cache)) == ([], 0)


NO_OBJECTS: dict[str, Any] = {
    "nothing": None,
    "text": "pod",
    "no metadata": {"kind": "Pod"},
    "no name": {"metadata": {"namespace": "pay"}},
    "a number for a name": {"metadata": {"name": 7}},
    "no version that is text": {"metadata": {"name": "x", "resourceVersion": 7}},
    "labels that are none": {"metadata": {"name": "x", "labels": "y"}},
    "a status that is none": {"metadata": {"name": "x"}, "status": []},
}


@pytest.mark.parametrize("raw", NO_OBJECTS.values(), ids=NO_OBJECTS)
def test_what_is_no_object_is_passed_over_and_the_others_are_seen(raw: Any) -> None:
    cache = Cache(pods.prune)
    read = [found for it in (raw, pod("a", 5)) if (found := cache.seen(it))]
    cache.replace("", read, 20)
    assert cache.put(raw) is None
    assert names(cache) == ["a"]
