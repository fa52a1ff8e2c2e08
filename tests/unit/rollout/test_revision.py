"""A revision is what the user wrote that runs, whoever computes its name."""

import copy
from datetime import timedelta
from typing import Any

import pytest

from lockstep.api.model_deployment import Model
from lockstep.core.key import Key
from lockstep.core.rollout import revision
from lockstep.core.rollout.observed import StoredRevision
from lockstep.core.rollout.revision import (
    Wanted,
    inputs,
    is_rendering,
    render,
    resolve,
)

DIGEST = "registry.example.com/fraud@sha256:" + "a" * 64
ARTIFACT = "registry.example.com/ml/fraud@sha256:" + "b" * 64
TEMPLATE: dict[str, Any] = {"spec": {"containers": [{"name": "server", "image": DIGEST}]}}
MODEL = Model.model_validate({"version": "1.0.0"})
WITH_ARTIFACT = Model.model_validate({"version": "1.0.0", "artifact": ARTIFACT})
DRAIN = timedelta(seconds=5)
HERE = Key("ModelDeployment", "payments", "fraud")


def kept(name: str, written: dict[str, Any], number: int = 1, scheme: str = "1") -> StoredRevision:
    return StoredRevision(
        name=name, revision=name, scheme=scheme, number=number, inputs=written, template={}
    )


def wanted_here(template: dict[str, Any], model: Model, *more: Any, **known: Any) -> Wanted:
    return resolve(HERE, template, model, *more, **known)


def changed(**container: Any) -> dict[str, Any]:
    template = copy.deepcopy(TEMPLATE)
    template["spec"]["containers"][0] |= container
    return template


OTHERS: dict[str, tuple[dict[str, Any], Model]] = {
    "another image": (changed(image=DIGEST.replace("a", "c")), MODEL),
    "another variable": (changed(env=[{"name": "A", "value": "1"}]), MODEL),
    "another version": (TEMPLATE, Model.model_validate({"version": "1.0.1"})),
    "an artifact": (TEMPLATE, WITH_ARTIFACT),
    "another mount path": (
        TEMPLATE,
        Model.model_validate({"version": "1.0.0", "artifact": ARTIFACT, "mountPath": "/m"}),
    ),
    "a label of the pods": ({**TEMPLATE, "metadata": {"labels": {"a": "b"}}}, MODEL),
}


@pytest.mark.parametrize(("template", "model"), OTHERS.values(), ids=OTHERS)
def test_what_runs_makes_another_revision(template: dict[str, Any], model: Model) -> None:
    assert wanted_here(template, model, ()).revision != wanted_here(TEMPLATE, MODEL, ()).revision


def test_the_same_content_is_the_same_revision_in_any_order() -> None:
    backwards = {"spec": {"containers": [{"image": DIGEST, "name": "server"}]}}
    assert wanted_here(backwards, MODEL, ()).revision == wanted_here(TEMPLATE, MODEL, ()).revision


def test_a_known_revision_is_recognised_under_another_scheme(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = kept("0ld5cheme", inputs(TEMPLATE, MODEL))
    monkeypatch.setattr(revision, "SCHEME", "3")
    assert wanted_here(TEMPLATE, MODEL, (known,)).revision == "0ld5cheme"


def test_another_scheme_names_new_revisions_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    before = wanted_here(TEMPLATE, MODEL, ()).revision
    monkeypatch.setattr(revision, "SCHEME", "3")
    assert wanted_here(TEMPLATE, MODEL, ()).revision != before


def test_inputs_of_a_later_scheme_do_not_hide_an_older_revision() -> None:
    known = kept("older", {"template": TEMPLATE, "version": "1.0.0"})
    assert wanted_here(TEMPLATE, MODEL, (known,)).revision == "older"


def test_an_artifact_that_came_or_went_is_another_revision() -> None:
    with_it, without = (
        kept("with", inputs(TEMPLATE, WITH_ARTIFACT)),
        kept("no", inputs(TEMPLATE, MODEL)),
    )
    assert wanted_here(TEMPLATE, WITH_ARTIFACT, (without,)).stored is None
    assert wanted_here(TEMPLATE, MODEL, (with_it,)).stored is None


ELSEWHERE = {
    "another namespace": Key("ModelDeployment", "staging", "fraud"),
    "another name": Key("ModelDeployment", "payments", "fraud-copy"),
    "names that read the same in one piece": Key("ModelDeployment", "pay", "ments-fraud"),
}


@pytest.mark.parametrize("place", ELSEWHERE.values(), ids=ELSEWHERE)
def test_equal_manifests_in_two_places_are_two_revisions(place: Key) -> None:
    assert resolve(place, TEMPLATE, MODEL, ()).revision != wanted_here(TEMPLATE, MODEL, ()).revision


PLACELESS = "3b6689fa"
"""What scheme 1, which knew no place, called it."""


def test_a_live_revision_that_was_lost_from_the_store_keeps_the_name_of_an_older_scheme() -> None:
    assert wanted_here(TEMPLATE, MODEL, (), live=(PLACELESS,)).revision == PLACELESS
    assert wanted_here(TEMPLATE, MODEL, ()).revision != PLACELESS


def test_a_name_that_other_content_has_is_not_used_twice() -> None:
    name = wanted_here(TEMPLATE, MODEL, ()).revision
    other = kept(name, inputs(changed(image=DIGEST.replace("a", "d")), MODEL))
    wanted = wanted_here(TEMPLATE, MODEL, (other,))
    assert (wanted.stored, len(wanted.revision)) == (None, 8)
    assert wanted.revision != name


def rendered(template: dict[str, Any], model: Model = MODEL, drain: timedelta = DRAIN) -> Any:
    return render("fraud", "7f9c2b1e", inputs(template, model), drain)


def test_pods_carry_who_they_belong_to() -> None:
    labels = rendered({**TEMPLATE, "metadata": {"labels": {"team": "a"}}})["metadata"]["labels"]
    assert labels == {
        "team": "a",
        "lockstep.dev/deployment": "fraud",
        "lockstep.dev/revision": "7f9c2b1e",
        "pod-template-hash": "7f9c2b1e",
    }


SIDECAR: dict[str, Any] = {"name": "proxy", "image": DIGEST, "restartPolicy": "Always"}
LOADER: dict[str, Any] = {"name": "loader", "image": DIGEST}
BESIDE = {"spec": {**TEMPLATE["spec"], "initContainers": [SIDECAR, LOADER]}}


def test_a_native_sidecar_is_a_container() -> None:
    sidecar, loader = rendered(BESIDE, WITH_ARTIFACT)["spec"]["initContainers"]
    assert sidecar["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
    assert [mount["mountPath"] for mount in sidecar["volumeMounts"]] == ["/mnt/models"]
    assert loader == LOADER, "what ends before the model is served serves nobody"


def graceful(period: int | None, drain: int) -> int | None:
    spec = dict(TEMPLATE["spec"])
    if period is not None:
        spec["terminationGracePeriodSeconds"] = period
    got = rendered({"spec": spec}, drain=timedelta(seconds=drain))["spec"]
    assert got.get("terminationGracePeriodSeconds") == (period if drain <= 30 else period or 70)
    hook = got["containers"][0].get("lifecycle", {}).get("preStop")
    return hook["sleep"]["seconds"] if hook else None


GRACE: dict[str, tuple[int | None, int, int | None]] = {
    "a drain that fits stays": (30, 5, 5),
    "a drain is shortened to the grace period that is there": (3, 5, 2),
    "a long drain is shortened as well": (30, 40, 29),
    "a grace period of a second has no place for a drain": (1, 5, None),
    "without a grace period there is no drain": (0, 5, None),
    "without one in the template it grows with the drain": (None, 40, 40),
}


@pytest.mark.parametrize(("period", "drain", "slept"), GRACE.values(), ids=GRACE)
def test_what_is_added_fits_what_is_there(period: int | None, drain: int, slept: int) -> None:
    assert graceful(period, drain) == slept


def test_what_is_written_as_null_is_absent() -> None:
    template = changed(lifecycle=None, volumeMounts=None)
    template |= {"metadata": {"labels": None}}
    got = rendered(template, WITH_ARTIFACT)["spec"]["containers"][0]
    assert got["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}


def test_the_drain_is_rendered_only_where_there_is_none() -> None:
    own = {"preStop": {"exec": {"command": ["bye"]}}}
    containers = [{"name": "a"}, {"name": "b", "lifecycle": own}]
    got = rendered({"spec": {"containers": containers}})["spec"]["containers"]
    assert got[0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
    assert got[1]["lifecycle"] == own


def test_no_drain_renders_no_hook() -> None:
    assert rendered(TEMPLATE, drain=timedelta(0))["spec"] == TEMPLATE["spec"]


def test_a_long_drain_gets_the_time_it_needs() -> None:
    spec = rendered(TEMPLATE, drain=timedelta(seconds=45))["spec"]
    assert spec["terminationGracePeriodSeconds"] == 75


def test_the_artifact_is_mounted_read_only_where_nothing_else_is() -> None:
    spec = rendered(TEMPLATE, WITH_ARTIFACT)["spec"]
    assert spec["volumes"] == [{"name": "lockstep-model", "image": {"reference": ARTIFACT}}]
    mount = {"name": "lockstep-model", "mountPath": "/mnt/models", "readOnly": True}
    assert spec["containers"][0]["volumeMounts"] == [mount]
    own = [{"name": "mine", "mountPath": "/mnt/models"}]
    taken = rendered(changed(volumeMounts=own), WITH_ARTIFACT)["spec"]
    assert taken["containers"][0]["volumeMounts"] == own


def test_rendering_leaves_what_the_user_wrote_alone() -> None:
    before = copy.deepcopy(TEMPLATE)
    rendered(TEMPLATE, WITH_ARTIFACT)
    assert before == TEMPLATE


READING = changed(envFrom=[{"configMapRef": {"name": "settings"}}])
MAYBE = changed(envFrom=[{"configMapRef": {"name": "settings", "optional": True}}])


def reading(content: str | None, template: dict[str, Any] = READING) -> dict[str, Any]:
    return inputs(template, MODEL, {} if content is None else {"settings": content})


def found(
    *stored: StoredRevision,
    content: str | None,
    live: tuple[str, ...] = (),
    template: dict[str, Any] = READING,
) -> str:
    configs = {} if content is None else {"settings": content}
    return wanted_here(template, MODEL, stored, configs, live).revision


def test_the_content_of_a_config_map_makes_another_revision() -> None:
    assert found(content="a") != found(content="b")


def test_old_content_is_the_old_revision() -> None:
    old, young = kept("old", reading("a"), 1), kept("young", reading("b"), 2)
    assert found(old, young, content="a") == "old"
    assert found(old, young, content="b") == "young"


def test_a_template_that_reads_no_config_map_says_nothing_of_any() -> None:
    assert "configMaps" not in inputs(TEMPLATE, MODEL, {"settings": "a"})


def test_an_upgrade_from_an_operator_that_did_not_look_at_config_maps_starts_nothing() -> None:
    before = kept("before", {"template": READING, "version": "1.0.0"})
    assert found(before, content="a") == "before"
    assert found(before, content="b") == "before"


def test_an_optional_config_map_that_comes_or_goes_makes_another_revision() -> None:
    without = kept("without", reading(None, MAYBE))
    assert without.inputs["configMaps"] == {"settings": "absent"}
    assert found(without, content=None, template=MAYBE) == "without"
    assert found(without, content="a", template=MAYBE) != "without"


def test_a_config_map_that_vanished_neither_ends_a_trial_nor_starts_one() -> None:
    old, young = kept("old", reading("a"), 1), kept("young", reading("b"), 2)
    assert found(old, young, content=None, live=("old",)) == "old"
    assert found(old, young, content=None, live=("young", "old")) == "young"
    assert found(old, young, content=None) == "young"


def test_a_config_map_that_was_never_there_is_no_known_revision() -> None:
    assert wanted_here(READING, MODEL, (), {}).stored is None
    other = kept("other", inputs(changed(env=[]), MODEL))
    assert wanted_here(READING, MODEL, (other,), {}).stored is None


def test_pods_read_the_copies_of_their_revision() -> None:
    written = reading("a")
    got = render("fraud", "7f9c2b1e", written, DRAIN)
    source = got["spec"]["containers"][0]["envFrom"][0]["configMapRef"]
    assert source == {"name": "fraud-7f9c2b1e-settings"}
    assert written["template"] == READING, "the stored inputs keep the user's names"


def test_what_is_absent_is_read_under_the_copys_name_so_that_it_stays_absent() -> None:
    got = render("fraud", "7f9c2b1e", reading(None, MAYBE), DRAIN)
    source = got["spec"]["containers"][0]["envFrom"][0]["configMapRef"]
    assert source == {"name": "fraud-7f9c2b1e-settings", "optional": True}


def written_with(**spec: Any) -> dict[str, Any]:
    return inputs({"spec": {**changed()["spec"], **spec}}, WITH_ARTIFACT)


ROOT_SHELL = {"name": "more", "image": DIGEST, "command": ["sh"]}
OWN_HOOK = {"preStop": {"exec": {"command": ["bye"]}}}
RENDERED: dict[str, dict[str, Any]] = {
    "as little as there may be": inputs(TEMPLATE, MODEL),
    "an artifact": inputs(TEMPLATE, WITH_ARTIFACT),
    "a ConfigMap that is read": reading("a"),
    "one that is absent": reading(None, MAYBE),
    "volumes and mounts of its own": written_with(volumes=[{"name": "v", "emptyDir": {}}]),
    "a hook of its own": inputs(changed(lifecycle=OWN_HOOK), WITH_ARTIFACT),
    "a native sidecar": written_with(initContainers=[{**ROOT_SHELL, "restartPolicy": "Always"}]),
    "lists that are null": written_with(volumes=None, initContainers=None),
}


@pytest.mark.parametrize("seconds", [0, 5, 45])
@pytest.mark.parametrize("written", RENDERED.values(), ids=RENDERED)
def test_what_is_rendered_is_known_as_a_rendering(written: dict[str, Any], seconds: int) -> None:
    template = render("fraud", "7f9c2b1e", written, timedelta(seconds=seconds))
    assert is_rendering("fraud", "7f9c2b1e", written, template)


FORGED: dict[str, dict[str, Any]] = {
    "another image": changed(image=DIGEST.replace("a", "c"))["spec"],
    "another command": changed(command=["sh", "-c", "evil"])["spec"],
    "another variable": changed(env=[{"name": "A", "value": "1"}])["spec"],
    "a hook": changed(lifecycle=OWN_HOOK)["spec"],
    "a container more": {"containers": [*changed()["spec"]["containers"], ROOT_SHELL]},
    "one that runs first": {**changed()["spec"], "initContainers": [ROOT_SHELL]},
    "the node's network": {**changed()["spec"], "hostNetwork": True},
    "the node's disk": {**changed()["spec"], "volumes": [{"name": "d", "hostPath": {"path": "/"}}]},
    "another account": {**changed()["spec"], "serviceAccountName": "admin"},
}


@pytest.mark.parametrize("spec", FORGED.values(), ids=FORGED)
def test_a_template_of_somebody_else_is_no_rendering(spec: dict[str, Any]) -> None:
    assert not is_rendering("fraud", "7f9c2b1e", inputs(TEMPLATE, MODEL), {"spec": spec})


@pytest.mark.parametrize("written", [{}, {"template": 1}, {"template": {}, "configMaps": []}])
def test_nonsense_is_no_rendering(written: dict[str, Any]) -> None:
    assert not is_rendering("fraud", "7f9c2b1e", written, {"spec": {"containers": []}})
