"""What counts as changed by somebody else."""

import pytest

from lockstep.adapters.kubernetes.drift import (
    REPLICA_SET,
    difference,
    part,
    stands,
)

CASES: dict[str, tuple[object, object, bool]] = {
    "what we render stands there": ({"a": {"b": 1}}, {"a": {"b": 1}}, True),
    "defaults of the server may be there too": ({"a": 1}, {"a": 1, "b": 2}, True),
    "a changed value is drift": ({"a": 1}, {"a": 2}, False),
    "a removed value is drift": ({"a": 1}, {}, False),
    "absent and empty are one": (
        {"a": None, "b": "", "c": 0, "d": False, "e": [], "f": {}}, {}, True),
    "empty in ours but set in theirs is drift": (
        {"minReadySeconds": 0}, {"minReadySeconds": 9}, False),
    "a label of somebody else stays": (
        {"labels": {"x": "1"}}, {"labels": {"x": "1", "y": "2"}}, True),
    "containers are compared by name": (
        [{"name": "a", "image": "1"}, {"name": "b"}],
        [{"name": "b"}, {"name": "sidecar"}, {"name": "a", "image": "1"}], True),
    "a container's image is ours": (
        [{"name": "a", "image": "1"}], [{"name": "a", "image": "2"}], False),
    "a container that was taken away is drift": ([{"name": "a"}], [{"name": "b"}], False),
    "a variable that was added stays": (
        {"env": [{"name": "A", "value": "1"}]},
        {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}, True),
    "two mounts of one volume are told apart": (
        [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}],
        [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}], True),
    "of two variables of one name the last counts": (
        [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}],
        [{"name": "a", "value": "2"}, {"name": "a", "value": "1"}], False),
    "two variables of one name, another between them": (
        [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}],
        [{"name": "a", "value": "1"}, {"name": "b"}, {"name": "a", "value": "2"}], True),
    "mounts of one volume in another order": (
        [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}],
        [{"name": "v", "mountPath": "/b"}, {"name": "v", "mountPath": "/a"}], True),
    "a mount that moved is drift": (
        [{"name": "v", "mountPath": "/a"}], [{"name": "v", "mountPath": "/b"}], False),
    "arguments are compared whole": ({"args": ["a"]}, {"args": ["a", "b"]}, False),
    "arguments have an order": ({"args": ["a", "b"]}, {"args": ["b", "a"]}, False),
    "a port without a name gets its protocol from the server": (
        [{"containerPort": 8080}], [{"containerPort": 8080, "protocol": "TCP"}], True),
    "a toleration that was added is drift": ([{"key": "a"}], [{"key": "a"}, {"key": "b"}], False),
    "quantities are compared by value": (
        {"limits": {"cpu": "1000m", "memory": "1Gi", "n": 2}},
        {"limits": {"cpu": "1", "memory": "1024Mi", "n": "2"}}, True),
    "quantities that differ are drift": (
        {"requests": {"cpu": "500m"}}, {"requests": {"cpu": "1"}}, False),
    "quantities with exponents": ({"limits": {"n": "1e3"}}, {"limits": {"n": "1k"}}, True),
    "a size limit is a quantity": (
        {"emptyDir": {"sizeLimit": "1Gi"}}, {"emptyDir": {"sizeLimit": "1024Mi"}}, True),
    "a variable is not a quantity": (
        [{"name": "A", "value": "1000m"}], [{"name": "A", "value": "1"}], False),
    "an int or its text": ({"port": 8080}, {"port": "8080"}, True),
    "true is not its text": ({"a": True}, {"a": "True"}, False),
    "an object where a list was": ({"a": [1]}, {"a": {"b": 1}}, False),
}  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs", "expected"), CASES.values(), ids=CASES)
def test_stands(ours: object, theirs: object, *, expected: bool) -> None:
    assert stands(ours, theirs) is expected


SERVER = {"name": "server", "image": "a", "env": [{"name": "A", "value": "1"}]}
POD = {"labels": {"a": "b"}, "spec": {"template": {"spec": {"containers": [SERVER]}}}}


def with_(**server: object) -> dict[str, object]:
    """The same with another container of that name."""
    return {**POD, "spec": {"template": {"spec": {"containers": [{**SERVER, **server}]}}}}


DIFFERENCES: dict[str, tuple[dict[str, object], str]] = {
    "nothing": (POD, ""),
    "what others added": ({**with_(tty=True), "x": 1}, ""),
    "a label": ({**POD, "labels": {}}, "metadata.labels.a"),
    "an image": (with_(image="b"), "spec.template.spec.containers[server].image"),
    "a variable": (
        with_(env=[{"name": "A", "value": "2"}]),
        "spec.template.spec.containers[server].env[A].value",
    ),
    "a container that is gone": (
        {**POD, "spec": {"template": {"spec": {"containers": [{"name": "other"}]}}}},
        "spec.template.spec.containers[server]",
    ),
    "all of it": ({}, "metadata.labels"),
}


@pytest.mark.parametrize(("theirs", "expected"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_the_first_difference_is_named(theirs: dict[str, object], expected: str) -> None:
    assert difference(POD, theirs) == expected


def test_only_what_is_ours_is_compared() -> None:
    manifest = {
        "metadata": {"name": "x", "labels": {"a": "b"}, "annotations": {"c": "d"}},
        "spec": {"replicas": 3, "template": {"spec": {}}, "paused": True},
    }
    assert part(manifest, REPLICA_SET) == {
        "labels": {"a": "b"},
        "spec": {"template": {"spec": {}}},
    }
