"""Which cluster a machine gets, and the sentence it is told."""

import pytest

from tests.cluster.errors import ClusterError
from tests.cluster.pick import Machine, pick


def box(
    told: str = "", engine: str | None = None, *, linux: bool = True, root: bool = True
) -> Machine:
    return Machine(told, engine, linux, root)


PICKED: dict[str, tuple[Machine, str, str]] = {
    "an engine means kind, root or not": (
        box(engine="docker", root=False),
        "kind",
        "kind, because the container engine docker answers"),
    "an engine beats being root": (
        box(engine="podman"), "kind", "kind, because the container engine podman answers"),
    "root on Linux without an engine means local": (
        box(), "local", "local, because no container engine answers and we are root on Linux"),
    "existing only when told": (
        box("existing", "docker"), "existing", "existing, because CLUSTER=existing says so"),
    "local when told, engine or not": (
        box("local", "docker"), "local", "local, because CLUSTER=local says so"),
    "kind when told": (
        box("kind", "podman"), "kind", "kind on podman, because CLUSTER=kind says so"),
}  # fmt: skip


@pytest.mark.parametrize(("machine", "flavor", "why"), PICKED.values(), ids=PICKED)
def test_picks(machine: Machine, flavor: str, why: str) -> None:
    picked = pick(machine)
    assert (picked.flavor, picked.why) == (flavor, why)


NOTHING = (
    "no cluster can be started here: start a container engine (docker or podman) for kind, or {}, "
    "or set CLUSTER=existing to use the current kubeconfig context"
)

REFUSED: dict[str, tuple[Machine, str]] = {
    "neither root nor engine": (
        box(root=False),
        NOTHING.format("run as root")),
    "another system without an engine": (
        box(linux=False),
        NOTHING.format("use a Linux machine as root")),
    "kind without an engine": (
        box("kind"), "CLUSTER=kind needs a container engine, and none answers"),
    "local without root": (box("local", root=False), "CLUSTER=local needs Linux and root"),
    "local elsewhere": (box("local", linux=False), "CLUSTER=local needs Linux and root"),
    "a word nobody knows": (
        box("minikube"), "CLUSTER=minikube is not one of existing, kind, local"),
}  # fmt: skip


@pytest.mark.parametrize(("machine", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refuses_in_one_sentence(machine: Machine, sentence: str) -> None:
    with pytest.raises(ClusterError) as refused:
        pick(machine)
    assert str(refused.value) == sentence
