"""A quantity that cannot be read is named with its field."""

from typing import Any

import pytest

from lockstep.core.quantities import named

SAID = (
    'ReplicaSet: ReplicaSet in version "v1" cannot be handled as a ReplicaSet: quantities must '
    "match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)
ENDING = ", which is no quantity such as 500m, 48M or 48Mi"


def template(memory: object = "48Mi", cpu: object = 1, size: object = None) -> dict[str, Any]:
    resources = {"limits": {"memory": memory}, "requests": {"cpu": cpu}}
    volume = {"name": "tmp", "emptyDir": {"sizeLimit": size} if size else {}}
    return {"spec": {"containers": [{"name": "server", "resources": resources}],
                     "volumes": [volume, {"name": "none"}]}}  # fmt: skip


LIMIT = "spec.template.spec.containers[server].resources.limits.memory is "
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "bytes are not written": (template("48MB"), f"{LIMIT}'48MB'{ENDING}"),
    "an empty word": (template(""), f"{LIMIT}''{ENDING}"),
    "a volume": (
        template(size="1 Gi"),
        f"spec.template.spec.volumes[tmp].emptyDir.sizeLimit is '1 Gi'{ENDING}"),
    "two of them": (
        template("2GB", "1 core"),
        ("spec.template.spec.containers[server].resources.requests.cpu is '1 core', "
        f"{LIMIT}'2GB'{ENDING}")),
    "none that we know of": (template(), SAID),
}  # fmt: skip


@pytest.mark.parametrize(("written", "said"), CASES.values(), ids=CASES)
def test_named(written: dict[str, Any], said: str) -> None:
    assert named(SAID, written) == said


@pytest.mark.parametrize("good", [1, 0.5, "500m", "1e3", "1.5Gi", "+2", "100n", "3E"])
def test_what_kubernetes_reads(good: object) -> None:
    assert named(SAID, template(good)) == SAID


def test_another_problem_is_passed_on() -> None:
    assert named("exceeded quota", template("48MB")) == "exceeded quota"


def test_a_template_of_nothing() -> None:
    assert named(SAID, {}) == SAID
