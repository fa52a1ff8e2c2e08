"""What a template reads, what stands for its content, and under which names it is kept."""

import copy
from typing import Any

import pytest

from lockstep.core import config
from lockstep.core.config import Kind, Source, copy_name, digest, reads, renamed

SPEC = "spec.template.spec"


def template(**spec: Any) -> dict[str, Any]:
    return {"spec": spec}


def server(**container: Any) -> dict[str, Any]:
    return template(containers=[{"name": "server", **container}])


def variable(field: str, name: object, **more: object) -> dict[str, Any]:
    return {"name": "A", "valueFrom": {field: {"name": name, "key": "a", **more}}}


Found = tuple[str, str, str, bool]
READS: dict[str, tuple[dict[str, Any], list[Found]]] = {
    "nothing": (server(), []),
    "a volume of a ConfigMap": (
        template(volumes=[{"name": "v", "configMap": {"name": "settings"}}]),
        [("ConfigMap", "settings", f"{SPEC}.volumes[0].configMap", False)],
    ),
    "a volume of a Secret": (
        template(volumes=[{"name": "v", "secret": {"secretName": "key", "optional": True}}]),
        [("Secret", "key", f"{SPEC}.volumes[0].secret", True)],
    ),
    "a projected volume": (
        template(
            volumes=[
                {"name": "other", "emptyDir": {}},
                {
                    "name": "v",
                    "projected": {
                        "sources": [
                            {"configMap": {"name": "settings"}},
                            {"secret": {"name": "key"}},
                            {"serviceAccountToken": {"path": "t"}},
                        ]
                    },
                },
            ]
        ),
        [
            ("ConfigMap", "settings", f"{SPEC}.volumes[1].projected.sources[0].configMap", False),
            ("Secret", "key", f"{SPEC}.volumes[1].projected.sources[1].secret", False),
        ],
    ),
    "variables": (
        server(env=[variable("configMapKeyRef", "a"), variable("secretKeyRef", "b")]),
        [
            ("ConfigMap", "a", f"{SPEC}.containers[0].env[0].valueFrom.configMapKeyRef", False),
            ("Secret", "b", f"{SPEC}.containers[0].env[1].valueFrom.secretKeyRef", False),
        ],
    ),
    "all variables of an object": (
        server(envFrom=[{"configMapRef": {"name": "a"}}, {"secretRef": {"name": "b"}}]),
        [
            ("ConfigMap", "a", f"{SPEC}.containers[0].envFrom[0].configMapRef", False),
            ("Secret", "b", f"{SPEC}.containers[0].envFrom[1].secretRef", False),
        ],
    ),
    "an init container": (
        template(initContainers=[{"envFrom": [{"configMapRef": {"name": "a"}}]}], containers=[]),
        [("ConfigMap", "a", f"{SPEC}.initContainers[0].envFrom[0].configMapRef", False)],
    ),
    "one source twice, needed the second time": (
        server(
            env=[
                variable("configMapKeyRef", "a", optional=True),
                variable("configMapKeyRef", "a"),
            ]
        ),
        [("ConfigMap", "a", f"{SPEC}.containers[0].env[1].valueFrom.configMapKeyRef", False)],
    ),
    "a pull secret, which pods do not read": (template(imagePullSecrets=[{"name": "pull"}]), []),
    "a name that is none": (server(env=[variable("configMapKeyRef", 5)]), []),
    "an empty name": (server(env=[variable("configMapKeyRef", "")]), []),
    "a volume that is a number": (template(volumes=[3, {"configMap": "x"}], containers="?"), []),
}


@pytest.mark.parametrize(("written", "found"), READS.values(), ids=READS)
def test_reads(written: dict[str, Any], found: list[Found]) -> None:
    got = [(it.source.kind.value, it.source.name, it.field, it.optional) for it in reads(written)]
    assert got == found


@pytest.mark.parametrize("hostile", [None, [], "x", {"spec": []}, {"spec": {"volumes": {}}}])
def test_what_is_no_template_reads_nothing(hostile: object) -> None:
    assert reads(hostile) == ()


NAMES: dict[str, tuple[str, bool]] = {
    "a subdomain": ("a.b-c.d1", True),
    "the longest": ("a" * 253, True),
    "too long": ("a" * 254, False),
    "capitals": ("Settings", False),
    "what would be two requirements of a field selector": ("a,metadata.namespace=b", False),
    "a line end": ("a\n", False),
}


@pytest.mark.parametrize(("name", "possible"), NAMES.values(), ids=NAMES)
def test_a_name_that_no_object_has_is_never_watched(name: str, *, possible: bool) -> None:
    assert Source(Kind.SECRET, name).possible is possible


SAME: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "another order": ({"data": {"a": "1", "b": "2"}}, {"data": {"b": "2", "a": "1"}}),
    "labels": ({"data": {"a": "1"}}, {"data": {"a": "1"}, "metadata": {"labels": {"x": "y"}}}),
    "immutability": ({"data": {"a": "1"}}, {"data": {"a": "1"}, "immutable": True}),
    "null and nothing": ({"data": None}, {}),
}
OTHER: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a value": ({"data": {"a": "1"}}, {"data": {"a": "2"}}),
    "a key": ({"data": {"a": "1"}}, {"data": {"b": "1"}}),
    "bytes": ({"data": {"a": "MQ=="}}, {"binaryData": {"a": "MQ=="}}),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_what_is_no_content_changes_no_digest(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert digest(one) == digest(other)


@pytest.mark.parametrize(("one", "other"), OTHER.values(), ids=OTHER)
def test_content_changes_the_digest(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert digest(one) != digest(other)


def test_every_place_is_renamed_and_secrets_are_not() -> None:
    written = {
        "spec": {
            "volumes": [
                {"configMap": {"name": "a"}},
                {"projected": {"sources": [{"configMap": {"name": "a"}}]}},
                {"secret": {"secretName": "a"}},
            ],
            "initContainers": [{"envFrom": [{"configMapRef": {"name": "a"}}]}],
            "containers": [
                {"env": [variable("configMapKeyRef", "a"), variable("secretKeyRef", "a")]}
            ],
        }
    }
    before = copy.deepcopy(written)
    got = renamed(written, {"a": "fraud-1-a", "b": "unread"})
    assert [(it.source.kind.value, it.source.name) for it in reads(got)] == [
        ("ConfigMap", "fraud-1-a"),
        ("Secret", "a"),
    ]
    assert got["spec"]["containers"][0]["env"][0]["valueFrom"]["configMapKeyRef"]["key"] == "a"
    assert written == before


def test_a_copy_is_called_after_its_revision_and_source() -> None:
    assert copy_name("fraud", "7f9c2b1e", "settings") == "fraud-7f9c2b1e-settings"


@pytest.mark.parametrize("source", ["s" * 253, "s" * 200 + "." * 1 + "t" * 52, "a-" * 120 + "b"])
def test_a_long_name_is_cut_and_still_its_own(source: str) -> None:
    name = copy_name("f" * 50, "7f9c2b1e", source)
    assert len(name) <= 253
    assert Source(Kind.CONFIG_MAP, name).possible
    assert name != copy_name("f" * 50, "7f9c2b1e", f"{source[:-1]}x")


def test_of_one_kind() -> None:
    written = server(envFrom=[{"configMapRef": {"name": "a"}}, {"secretRef": {"name": "b"}}])
    assert [read.source.name for read in config.of(Kind.SECRET, written)] == ["b"]
