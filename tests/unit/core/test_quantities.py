"""What a quantity amounts to; one that cannot be read is named with its field."""

from decimal import Decimal
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.core.quantities import amount, named

SAID = (
    'ReplicaSet: ReplicaSet in version "v1" cannot be handled as a ReplicaSet: quantities must '
    "match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)
ENDING = ", which is not a quantity such as 500m, 48M or 48Mi"


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


NUMBER = st.from_regex(r"[+-]?[0-9]{1,6}(\.[0-9]{0,6})?", fullmatch=True)
SUFFIX = st.sampled_from(["", *"numkMGTPE", *(f"{unit}i" for unit in "KMGTPE"), "e3", "E-2", "e+1"])


def library(quantity: str) -> Decimal:
    """``kubernetes.utils.quantity`` alone: its package would import every client."""
    package = find_spec("kubernetes")
    assert package is not None
    assert package.origin is not None
    at = Path(package.origin).parent / "utils" / "quantity.py"
    spec = spec_from_file_location("quantity", at)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Decimal = module.parse_quantity(quantity)
    return found


@given(NUMBER, SUFFIX)
def test_an_amount_is_what_the_library_of_kubernetes_says(number: str, suffix: str) -> None:
    assert amount(number + suffix) == library(number + suffix)


NONE_AT_ALL = [
    "",
    "i",
    "Mi",
    "1 Gi",
    "48MB",
    "1ki",
    "1.2.3",
    "1e",
    "NaN",
    "1_000",
    "9" * 41,
    "1e12345",
]


@pytest.mark.parametrize("text", NONE_AT_ALL)
def test_what_is_no_quantity_amounts_to_nothing(text: str) -> None:
    assert amount(text) is None
