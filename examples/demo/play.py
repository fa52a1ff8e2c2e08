"""Plays the acts on a real cluster, waits for what each promises, and gives up at its deadline."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from examples.caller import pod
from examples.caller.caller import Load, Second, Tally
from examples.demo import manifests
from examples.demo.acts import (
    APPROVAL,
    FIRST,
    PROMOTION,
    QUESTION,
    RETURN,
    ROLLBACK,
    SWITCH,
    Act,
    Played,
)
from examples.demo.calls import Calls
from examples.demo.errors import DemoError
from examples.demo.hands import Hands
from examples.demo.people import ALICE, BOB, DANA, Person, approval
from examples.demo.show import Show
from examples.demo.story import Story, wrongs
from examples.demo.summary import FURTHER, summary
from examples.demo.view import Stages
from tests.cluster.progress import span

NAMESPACE, NAME, CALLER = "demo", "fraud", "caller"
PAUSE_SECONDS = 1.0
QUIET_SECONDS = 3
SETTLED_WITHIN = timedelta(minutes=2)
CALLER_SECONDS = 3600.0  # more than all deadlines together; the demo stops it earlier
NEW_PER_SECOND, KEPT, KEPT_PER_SECOND = 30.0, 4, 1.0
PATIENCE_SECONDS = 30.0  # on a busy machine version 3.0.0 takes longer than the caller's usual ten

Manifest = dict[str, Any]
Heard = Callable[[], Sequence[Second]]


@dataclass(frozen=True, slots=True)
class Cue:
    """What begins an act, and the stages that it is going to walk."""

    effect: Callable[[], None]
    stages: Stages


@dataclass(frozen=True, slots=True)
class Theatre:
    """Where the acts are played and with what."""

    hands: Hands
    show: Show
    pinned: Mapping[str, str]
    caller_image: str

    def deployment(self, version: str) -> Manifest:
        return manifests.rendered(manifests.DEPLOYMENT_FILES[version], self.pinned)


def play(theatre: Theatre) -> str:
    """All acts; answers what happened and where to look further.

    Raises:
        DemoError: Anything went otherwise.
    """
    _prepare(theatre)
    first = _act(theatre, FIRST, tuple, _applied(theatre, theatre.deployment("1.0.0")))
    with _calling(theatre) as heard:
        story = _under_calls(theatre, heard, first)
    if wrong := wrongs(story):
        raise DemoError("; ".join(wrong))
    further = FURTHER.format(namespace=NAMESPACE, name=NAME)
    return "\n".join((summary(story), "", "To look further:", further))


def _under_calls(theatre: Theatre, heard: Heard, first: Played) -> Story:
    """The acts that callers are there for, one after the other."""
    _settled(heard, first, "callers reach version 1.0.0 without an error")
    theatre.hands.apply(manifests.rendered(manifests.CRITERIA_FILE, theatre.pinned))
    promotion = _act(theatre, PROMOTION, heard, _applied(theatre, theatre.deployment("2.0.0")))
    _settled(heard, promotion, "all callers are on version 2.0.0")
    rollback = _act(theatre, ROLLBACK, heard, _applied(theatre, theatre.deployment("3.0.0")))
    _settled(heard, rollback, "all callers are back on version 2.0.0")
    switch = _switch(theatre, heard)
    back = _back(theatre, heard, switch)
    refused, question, approved = _approve(theatre, heard)
    end = _settled(heard, approved, "all callers are on version 5.0.0")
    acts = (first, promotion, rollback, switch, back, question, approved)
    return Story.told(Calls.of(heard()), end, refused, *acts)


def _switch(theatre: Theatre, heard: Heard) -> Played:
    caller = manifests.rendered(manifests.PREVIEW_CALLER_FILE, theatre.pinned)
    began = _applied(theatre, caller, theatre.deployment("4.0.0"))
    switch = _act(theatre, SWITCH, heard, began)
    _settled(heard, switch, "new connections reach version 4.0.0", lambda calls: calls.new)
    return switch


def _back(theatre: Theatre, heard: Heard, switch: Played) -> Played:
    """Back to 2.0.0 by one field of the same manifest."""
    kept = switch.looks[-1].arm("kept")
    if kept is None:
        raise DemoError("nothing was kept of version 2.0.0 for a return")
    deployment = theatre.deployment("4.0.0")
    deployment["spec"]["rollbackTo"] = kept.revision
    back = _act(theatre, RETURN, heard, _applied(theatre, deployment))
    _settled(heard, back, "all callers are back on version 2.0.0")
    return back


def _approve(theatre: Theatre, heard: Heard) -> tuple[str, Played, Played]:
    """Dana writes version 5.0.0 and may not approve it herself; two others may."""
    hands, deployment = theatre.hands, theatre.deployment("5.0.0")
    hands.apply(*(manifests.rendered(file, {}) for file in manifests.PEOPLE_FILES))
    question = _act(theatre, QUESTION, heard, _applied(theatre, deployment, by=DANA))
    revision = question.revision(QUESTION.version)
    refused = hands.refusal(approval(DANA, revision), DANA)
    theatre.show.say(f"\nDana approves her own work and is refused: {refused}")

    def approve() -> None:
        for person in (ALICE, BOB):
            hands.create(approval(person, revision), person)

    approved = _act(theatre, APPROVAL, heard, Cue(approve, manifests.stages(deployment)))
    return refused, question, approved


def _prepare(theatre: Theatre) -> None:
    """An empty namespace: the demo plays the same whatever an earlier one left."""
    manifests.write(manifests.PINNED, theatre.pinned, _caller(theatre))
    theatre.hands.clear()
    theatre.hands.apply(manifests.rendered(manifests.NAMESPACE_FILE, theatre.pinned))
    theatre.hands.wait_for("serviceaccount/default")


def _act(theatre: Theatre, act: Act, heard: Heard, cue: Cue) -> Played:
    """Begin, then watch until what the act promises is there.

    Raises:
        DemoError: It cannot come any more, or did not come in time.
    """
    began, looks = time.time(), []
    cue.effect()
    with theatre.show.act(act.title, cue.stages) as screen:
        while True:
            look = theatre.hands.look(NAME)
            looks.append(look)
            screen.look(look, heard())
            if look.current and (why := act.broken(look)):
                raise DemoError(why)
            if look.current and act.reached(look):
                return Played(act, began, tuple(looks))
            if look.at - began > act.deadline.total_seconds():
                limit = span(act.deadline.total_seconds())
                raise DemoError(
                    f"within {limit} it did not come to this: {act.title}; {look.message}"
                )
            time.sleep(PAUSE_SECONDS)


def _applied(theatre: Theatre, *objects: Manifest, by: Person | None = None) -> Cue:
    """Applying manifests; the ModelDeployment comes last."""
    stages = manifests.stages(objects[-1])
    return Cue(lambda: theatre.hands.apply(*objects, by=by), stages)


@contextmanager
def _calling(theatre: Theatre) -> Iterator[Heard]:
    """Callers, for as long as the block runs; gives what they have seen so far."""
    theatre.hands.apply(*_caller(theatre))
    try:
        with theatre.hands.listening(CALLER) as log:
            yield lambda: log.seconds
    finally:
        theatre.hands.stop(CALLER)


def _caller(theatre: Theatre) -> tuple[Manifest, ...]:
    body = manifests.body_of(manifests.DEPLOYMENT_FILES[FIRST.version])
    load = Load(
        url=f"http://{NAME}/v2/models/fraud/infer",
        body=body,
        new_per_second=NEW_PER_SECOND,
        kept=KEPT,
        kept_per_second=KEPT_PER_SECOND,
        seconds=CALLER_SECONDS,
        timeout_seconds=PATIENCE_SECONDS,
    )
    return pod.manifests(CALLER, NAMESPACE, theatre.caller_image, load)


def _all(calls: Calls) -> Tally:
    return calls.all


def _settled(heard: Heard, played: Played, what: str, of: Callable[[Calls], Tally] = _all) -> float:
    """Wait until callers meet nobody but stable; answers since when, as Unix time.

    Raises:
        DemoError: They still meet another after ``SETTLED_WITHIN``.
    """
    stable = played.looks[-1].arm("stable")
    revision = stable.revision if stable else ""
    deadline = time.monotonic() + SETTLED_WITHIN.total_seconds()
    while time.monotonic() < deadline:
        last = Calls.last(heard(), QUIET_SECONDS)
        seen = of(last)
        if len(last.seconds) == QUIET_SECONDS and seen.requests() == len(seen.ms.get(revision, ())):
            return last.seconds[-1].at
        time.sleep(PAUSE_SECONDS)
    last_seen = of(Calls.last(heard(), QUIET_SECONDS))
    raise DemoError(
        f"after {span(SETTLED_WITHIN.total_seconds())} it was not so that {what}: in the last "
        f"{QUIET_SECONDS} s {last_seen.errors()} of {last_seen.requests()} requests failed"
    )
