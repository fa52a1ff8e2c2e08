"""What a pass does with what a user wrote: twice as much of it is twice the work, never four times.

Work is counted in calls, C's included, so that no machine is too slow or too busy for this test.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest

from lockstep.adapters.kubernetes import (
    drift,
    pods,
)
from lockstep.adapters.kubernetes.specs import parse
from lockstep.api.exit_criteria import ExitCriteriaSpec
from lockstep.api.model_deployment import Model, ModelDeploymentSpec
from lockstep.core import config
from lockstep.core.gates import placeholders
from lockstep.core.key import Key
from lockstep.core.rollout import revision
from tests.unit.api.manifests import EXIT_CRITERIA, MODEL_DEPLOYMENT, change
from tests.unit.costs.growth import FACTOR, TWICE_LINEAR, calls, time_grows_linearly

Work = Callable[[], object]
_SIZE: Final = 60
_CONTAINER: Final = "spec.template.spec.containers[0]"


def _variables(count: int) -> list[Any]:
    return [{"name": f"V{n}", "value": str(n)} for n in range(count)]


def _one_name(count: int) -> list[Any]:
    return [{"name": "V", "value": str(n)} for n in range(count)]


def _mounts(count: int) -> list[Any]:
    return [{"name": "data", "mountPath": f"/{n}"} for n in range(count)]


def _ports(count: int) -> list[Any]:
    return [{"containerPort": 1 + n} for n in range(count)]


def _sources(count: int) -> list[Any]:
    return [{"configMapRef": {"name": f"c{n}"}} for n in range(count)]


def _drift(items: Callable[[int], list[Any]], *, reverse: bool = False) -> Callable[[int], Work]:
    def make(count: int) -> Work:
        ours, theirs = items(count), items(count)
        if reverse:
            theirs.reverse()
        return lambda: drift.stands({"env": ours}, {"env": theirs})

    return make


def _deployment(field: str, items: Callable[[int], list[Any]]) -> Callable[[int], Work]:
    def make(count: int) -> Work:
        spec = change(MODEL_DEPLOYMENT, {f"{_CONTAINER}.{field}": items(count)})["spec"]
        return lambda: parse(ModelDeploymentSpec, spec)

    return make


def _spec(path: str, items: Callable[[int], object]) -> Callable[[int], Work]:
    def make(count: int) -> Work:
        spec = change(MODEL_DEPLOYMENT, {path: items(count)})["spec"]
        return lambda: parse(ModelDeploymentSpec, spec)

    return make


def _criteria(path: str, items: Callable[[int], object]) -> Callable[[int], Work]:
    def make(count: int) -> Work:
        spec = change(EXIT_CRITERIA, {path: items(count)})["spec"]
        return lambda: parse(ExitCriteriaSpec, spec)

    return make


def _template(field: str, items: list[Any]) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "server", "image": "x", field: items}]}}


def _reads(count: int) -> Work:
    return lambda: config.reads(_template("envFrom", _sources(count)))


def _revision(field: str, items: Callable[[int], list[Any]]) -> Callable[[int], Work]:
    def make(count: int) -> Work:
        model = Model(version="1.0.0", artifact=f"x@sha256:{'ab' * 32}")
        key = Key("ModelDeployment", "payments", "fraud")
        asked = revision.inputs(_template(field, items(count)), model)
        return lambda: (
            revision.resolve(key, _template(field, items(count)), model, ()),
            revision.render("fraud", "12345678", asked, timedelta(seconds=5)),
        )

    return make


def _query(piece: str) -> Callable[[int], Work]:
    return lambda count: lambda: placeholders.unknown(piece * count, {})


def _pod(count: int) -> Work:
    waiting = {"reason": "ErrImagePull", "message": "digest " * count}
    status = {"name": "c", "state": {"waiting": waiting}}
    pod = {
        "metadata": {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": "1"},
        "status": {"containerStatuses": [status] * count},
    }
    return lambda: pods.prune({**pod, "status": {"containerStatuses": [status]}})


STEPS: dict[str, Callable[[int], Work]] = {
    "drift of variables": _drift(_variables),
    "drift of variables in another order": _drift(_variables, reverse=True),
    "drift of variables of one name": _drift(_one_name),
    "drift of variables of one name in another order": _drift(_one_name, reverse=True),
    "drift of mounts of one volume": _drift(_mounts, reverse=True),
    "drift of ports without a name": _drift(_ports),
    "a spec with many variables": _deployment("env", _variables),
    "a spec with many ports": _deployment("ports", _ports),
    "a spec with many arguments": _deployment("args", lambda n: ["x"] * n),
    "a spec with too many containers": _spec(
        "spec.template.spec.containers", lambda n: [{"name": "a", "image": "x"}] * n),
    "a spec with too many volumes": _spec(
        "spec.template.spec.volumes", lambda n: [{"name": "a"}] * n),
    "a spec with too many labels": _spec(
        "spec.template.metadata.labels", lambda n: {f"k{i}": "" for i in range(n)}),
    "a spec with too many stages": _spec(
        "spec.strategy.canary.stages", lambda n: [{"name": "a", "weight": 1}] * n),
    "a stage with too many criteria": _spec(
        "spec.strategy.canary.stages[0].exitCriteria", lambda n: [{"name": "a"}] * n),
    "a spec that nests": _spec(
        "spec.template.spec.affinity", lambda n: [[[{}] * 9] * n]),
    "a timeout of many digits": _spec("spec.smokeTest.timeout", lambda n: "9" * n + "s"),
    "a path of many steps": _spec("spec.smokeTest.expect.jsonPath", lambda n: "$" + "..*" * n),
    "criteria with too many arguments": _criteria(
        "spec.args", lambda n: [{"name": "a", "value": 1}] * n),
    "criteria with too many metrics": _criteria("spec.metrics", lambda n: [{"name": "a"}] * n),
    "a query of open braces": _criteria("spec.metrics[0].prometheus.query", lambda n: "{{ " * n),
    "what a template reads": _reads,
    "a revision with many variables": _revision("env", _variables),
    "a revision with many mounts": _revision("volumeMounts", _mounts),
    "braces that nobody closes": _query("{{"),
    "blanks in braces that nobody closes": _query("{{" + " " * 50),
    "placeholders that are none": _query("{{x}}"),
    "a registry's message": _pod,
}  # fmt: skip


@pytest.mark.parametrize("make", STEPS.values(), ids=STEPS)
def test_a_step_is_linear_in_what_a_user_wrote(make: Callable[[int], Work]) -> None:
    small, large = calls(make(_SIZE)), calls(make(FACTOR * _SIZE))
    assert large < TWICE_LINEAR * small + 1000
    assert time_grows_linearly(make, _SIZE)
