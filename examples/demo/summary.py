"""What happened, in plain words and with measured numbers, and where to look further. Pure."""

import math
from collections.abc import Iterator
from datetime import timedelta

from examples.caller.caller import Tally
from examples.demo.acts import Played
from examples.demo.story import Scene, Story

FURTHER = """\
  eval "$(.venv/bin/python -m tests.cluster env)"
  kubectl --namespace {namespace} get mldep,mldec
  kubectl --namespace {namespace} get mldep {name} --output yaml
  kubectl --namespace {namespace} events --for modeldeployment/{name}
  kubectl --namespace {namespace} get replicasets,controllerrevisions,pods --show-labels
  kubectl --namespace lockstep-system logs deployment/lockstep-operator
  make cluster-down"""


ACTS = timedelta(minutes=5)
IMAGES = timedelta(minutes=2)
"""The base image, the operator's, the model server's and five models, where none is there yet."""


def announcement(building: timedelta) -> str:
    """How long the demo takes in all, said before it begins.

    Args:
        building: How long the programs of the cluster take that have to be built; zero: none.
    """
    if not building:
        return f"This usually takes {_minutes(ACTS)}: six acts of a model's life."
    return (
        f"This usually takes {_minutes(building + IMAGES + ACTS)} on two cores: "
        f"{_minutes(building)} to build Kubernetes, containerd and Prometheus from pinned source "
        f"(kept for the next time), {_minutes(IMAGES)} for images, then six acts of a model's "
        f"life in {_minutes(ACTS)}."
    )


def _minutes(span: timedelta) -> str:
    return f"{math.ceil(span.total_seconds() / 60)} minutes"


def summary(story: Story) -> str:
    """The acts, a paragraph each."""
    return "\n".join(
        (
            _first(story.first),
            _promoted(story.promotion),
            _refused(story.rollback),
            _switched(story.switch),
            _returned(story.back, story.switch.revision),
            _approved(story.question, story.approval, story.refused),
        )
    )


def _first(played: Played) -> str:
    return f"Version 1.0.0 was smoke-tested and serving after {played.seconds:.0f} s."


def _promoted(scene: Scene) -> str:
    return (
        f"Version 2.0.0 was promoted in {scene.played.seconds:.0f} s ({_stages(scene.played)}). "
        f"Meanwhile callers asked {_seen(scene.calls.new)} on new connections and "
        f"{_seen(scene.calls.kept)} on kept-alive ones."
    )


def _stages(played: Played) -> str:
    return ", ".join(f"{name} {seconds:.0f} s" for name, seconds in played.stages().items())


def _seen(tally: Tally) -> str:
    p99 = tally.quantile(0.99)
    slow = f", p99 {p99 * 1000:.0f} ms" if p99 is not None else ""
    return f"{tally.requests()} times ({tally.errors()} errors{slow})"


def _refused(scene: Scene) -> str:
    return " ".join(_refusal(scene))


def _refusal(scene: Scene) -> Iterator[str]:
    played, calls, revision = scene.played, scene.calls, scene.revision
    asked, errors = calls.new.requests(revision), calls.new.errors(revision)
    yield (
        f"Version 3.0.0 answered its smoke test, then {errors} of the {asked} new connections that "
        "reached it failed."
    )
    hurt, decided, last = calls.first_error(), played.rejected_at, calls.last_of(revision)
    if hurt is not None and decided is not None and last is not None:
        yield (
            f"Its gate took it back {max(decided - hurt, 0):.0f} s after the first error, and "
            f"{max(last - decided, 0):.0f} s later it had answered its last new connection."
        )
    yield f"The operator says: {played.looks[-1].message}."


def _switched(scene: Scene) -> str:
    return (
        f"Version 4.0.0 took over in {scene.played.seconds:.0f} s ({_stages(scene.played)}), with "
        "no caller in preview and then with all of them. Meanwhile callers asked "
        f"{_seen(scene.calls.new)} on new connections; kept-alive ones stay with the old pods for "
        "as long as those stay."
    )


def _returned(scene: Scene, left: str) -> str:
    last = scene.calls.last_of(left)
    took = max((last or scene.played.began) - scene.played.began, 0)
    return (
        f"Then rollbackTo named version 2.0.0: {took:.0f} s later the last new connection had been "
        f"answered by 4.0.0 ({scene.calls.new.errors()} errors), and no pod was started."
    )


def _approved(question: Scene, approval: Scene, refused: str) -> str:
    errors = question.calls.new.errors() + approval.calls.new.errors()
    return (
        f"Version 5.0.0 asked for its two approvals after {question.played.seconds:.0f} s, with a "
        f"fifth of the callers on it. Its author's was refused ({refused}). With those of two "
        "other people it was promoted in "
        f"{approval.played.seconds:.0f} s ({errors} errors on new connections)."
    )
