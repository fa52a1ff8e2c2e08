"""A copy: immutable, ours, and with nothing of its source but the content."""

from dataclasses import replace

from lockstep.api.model_deployment import DeletionPolicy
from lockstep.core.rollout.actions import StoreConfig
from lockstep.core.rollout.children.config_map import config_map
from tests.unit.shell.written import OWNER

STORE = StoreConfig(name="fraud-r1-settings", revision="r1", source="settings", digest="d")
SOURCE = {
    "metadata": {"name": "settings", "labels": {"team": "a"}, "uid": "x", "resourceVersion": "9"},
    "data": {"mode": "careful"},
    "binaryData": {},
    "immutable": False,
}


def test_a_copy_has_the_content_and_says_of_what() -> None:
    made = config_map(OWNER, STORE, SOURCE)
    metadata = made.pop("metadata")
    assert made == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "immutable": True,
        "data": {"mode": "careful"},
    }
    assert metadata["labels"] == {
        "lockstep.dev/deployment": "fraud",
        "lockstep.dev/revision": "r1",
    }
    assert metadata["annotations"] == {
        "lockstep.dev/source": "settings",
        "lockstep.dev/digest": "d",
    }
    assert [it["uid"] for it in metadata["ownerReferences"]] == [OWNER.uid]


def test_a_copy_that_outlives_its_owner_says_so_beside_its_source() -> None:
    made = config_map(replace(OWNER, policy=DeletionPolicy.ORPHAN), STORE, SOURCE)["metadata"]
    assert "ownerReferences" not in made
    assert made["annotations"]["lockstep.dev/source"] == "settings"
    assert OWNER.uid in made["annotations"].values()
