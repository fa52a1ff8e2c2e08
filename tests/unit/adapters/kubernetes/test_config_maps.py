"""What is kept of ConfigMaps and Secrets: never what they hold."""

from typing import Any

import pytest

from lockstep.adapters.kubernetes import config_maps, model_deployments
from lockstep.adapters.kubernetes.config_maps import (
    Content,
    prune,
    sighting,
)
from lockstep.api.model_deployment_status import SecretSeen
from lockstep.core import config
from lockstep.core.config import Kind
from lockstep.core.rollout.actions import StoreConfig
from lockstep.core.rollout.children.config_map import config_map
from lockstep.core.rollout.observed import ConfigCopy, StoredRevision
from tests.unit.shell.written import OWNER, TEMPLATE, model_deployment, standing

SOURCE: dict[str, Any] = {
    "metadata": {"name": "settings", "labels": {"team": "a"}},
    "data": {"mode": "careful"},
    "binaryData": {"weights": "AAE="},
}
STORE = StoreConfig(
    name="fraud-r1-settings", revision="r1", source="settings", digest=config.digest(SOURCE)
)
SECRET = {
    "metadata": {"name": "key", "uid": "u", "resourceVersion": "7"},
    "data": {"p": "c2VjcmV0"},
}


def test_a_copy_is_read_back_as_it_was_made() -> None:
    made = standing(config_map(OWNER, STORE, SOURCE), "uid-copy")
    copy = ConfigCopy(
        name="fraud-r1-settings", revision="r1", source="settings", digest=STORE.digest
    )
    assert prune(made).copy == copy
    assert prune(made).meta.owner_uid == OWNER.uid


def test_a_copys_digest_is_that_of_its_content_whatever_it_says() -> None:
    made = standing(config_map(OWNER, STORE, SOURCE), "uid-copy")
    other = prune({**made, "data": {"mode": "bold"}}).copy
    assert other is not None
    assert other.digest != STORE.digest


def test_what_does_not_say_of_what_it_is_a_copy_is_none() -> None:
    made = standing(config_map(OWNER, STORE, SOURCE), "uid-copy")
    del made["metadata"]["annotations"]
    assert prune(made).copy is None


SIGHTINGS: dict[str, tuple[Kind, dict[str, Any] | None, object]] = {
    "no ConfigMap": (Kind.CONFIG_MAP, None, None),
    "no Secret": (Kind.SECRET, None, None),
    "a ConfigMap is its digest": (Kind.CONFIG_MAP, SOURCE, Content(config.digest(SOURCE))),
    "a Secret is its version": (Kind.SECRET, SECRET, SecretSeen(name="key", uid="u", version="7")),
}


def test_what_has_no_owner_is_not_looked_into() -> None:
    made = standing(config_map(OWNER, STORE, SOURCE), "uid-copy")
    labelled = {key: it for key, it in made["metadata"].items() if key != "ownerReferences"}
    assert prune({**made, "metadata": labelled, "data": "no map at all"}).copy is None


@pytest.mark.parametrize(("kind", "raw", "seen"), SIGHTINGS.values(), ids=SIGHTINGS)
def test_sighting(kind: Kind, raw: dict[str, Any] | None, seen: object) -> None:
    got = sighting(kind, raw)
    assert got == seen
    assert "c2VjcmV0" not in repr(got)


def kept(revision: str) -> StoredRevision:
    inputs = {"template": {"of": revision}, "version": "1.0.0"}
    return StoredRevision(
        name=revision, revision=revision, scheme="1", number=1, inputs=inputs, template={}
    )


def test_stable_and_the_revision_that_is_asked_for_count_beside_the_spec() -> None:
    status = {"stable": {"revision": "aaaaaaaa", "version": "1.0.0"}}
    raw = model_deployment(status=status, rollbackTo="bbbbbbbb")
    record = model_deployments.prune(raw)
    stored = [kept("aaaaaaaa"), kept("bbbbbbbb"), kept("cccccccc")]
    assert list(config_maps.templates(record, stored)) == [
        TEMPLATE,
        {"of": "aaaaaaaa"},
        {"of": "bbbbbbbb"},
    ]


def test_a_config_map_says_its_keys_and_through_whom_it_was_written_last() -> None:
    by = [{"manager": "vim", "time": "2026-01-01T11:00:00Z"}]
    raw = {**SOURCE, "metadata": {**SOURCE["metadata"], "managedFields": by}}
    seen = sighting(Kind.CONFIG_MAP, raw)
    assert isinstance(seen, Content)
    assert seen.edit.client == "vim"
    assert [key for key, _ in seen.edit.keys] == sorted({*SOURCE["data"], *SOURCE["binaryData"]})
    assert seen == Content(config.digest(SOURCE)), "who wrote it rings for nobody"
