"""An existing cluster is used only with everything that tests need, and is otherwise refused."""

from pathlib import Path

import pytest

from tests.cluster import existing, flavor
from tests.cluster.errors import ClusterError
from tests.cluster.kwok import fake_node
from tests.cluster.model import Cluster, boot_id, load, read_card, save


@pytest.mark.parametrize("missing", [existing.REGISTRY, existing.PROMETHEUS])
def test_a_missing_setting_is_named(tmp_path: Path, missing: str) -> None:
    settings = {existing.REGISTRY: "r:5000", existing.PROMETHEUS: "http://p"}
    del settings[missing]
    with pytest.raises(ClusterError, match=f"CLUSTER=existing needs {missing}: the "):
        existing.up(tmp_path, settings)


def card(state: Path, kind: str) -> Cluster:
    cluster = Cluster(kind, state / "kubeconfig", "r:5000", "http://p", state)
    save(cluster, "r:5000/base@sha256:0")
    return cluster


def test_what_was_saved_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKSTEP_CLUSTER_STATE", str(tmp_path))
    cluster = card(tmp_path, "kind")
    assert load() == cluster
    assert flavor(tmp_path) == "kind"


def test_without_a_cluster_one_sentence_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCKSTEP_CLUSTER_STATE", str(tmp_path))
    with pytest.raises(ClusterError, match=r"^no cluster is up: run `make cluster-up` first$"):
        load()
    assert flavor(tmp_path) is None


def test_a_card_of_another_boot_counts_for_nothing(tmp_path: Path) -> None:
    card(tmp_path, "local")
    file = tmp_path / "cluster.json"
    file.write_text(file.read_text().replace(boot_id(), "another boot"))
    assert read_card(tmp_path) is None


def test_forgetting_an_existing_cluster_keeps_the_cluster(tmp_path: Path) -> None:
    card(tmp_path, "existing")
    existing.down(tmp_path)
    assert read_card(tmp_path) is None


def test_only_tolerant_pods_land_on_a_fake_node() -> None:
    node = fake_node(7)
    assert node["metadata"]["name"] == "fake-0007"
    assert node["spec"]["taints"][0]["effect"] == "NoSchedule"
