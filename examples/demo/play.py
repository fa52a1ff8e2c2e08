"""Plays the acts on a real cluster, waits for what each promises, and gives up at its deadline."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from examples.caller import pod
from examples.caller.caller import Load, Second
from examples.demo import manifests
from examples.demo.acts import FIRST, PROMOTION, ROLLBACK, Act, Played, wrongs
from examples.demo.calls import Calls
from examples.demo.errors import DemoError
from examples.demo.hands import Hands
from examples.demo.show import Show
from examples.demo.summary import FURTHER, summary
from tests.cluster.progress import span

NAMESPACE, NAME, CALLER = "demo", "fraud", "caller"
PAUSE_SECONDS = 1.0
QUIET_SECONDS = 3
SETTLED_WITHIN = timedelta(minutes=2)
CALLER_SECONDS = 1500.0  # more than all deadlines together; the demo stops it earlier
NEW_PER_SECOND, KEPT, KEPT_PER_SECOND = 30.0, 4, 1.0

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Theatre:
    """Where the acts are played and with what."""

    hands: Hands
    show: Show
    pinned: Mapping[str, str]
    caller_image: str


def play(theatre: Theatre) -> str:
    """All three acts; answers what happened and where to look further.

    Raises:
        DemoError: Anything went otherwise.
    """
    hands = theatre.hands
    _prepare(theatre)
    first = _act(theatre, FIRST, tuple)
    with _calling(theatre) as seconds:
        _settled(seconds, first, "callers reach version 1.0.0 without an error")
        hands.apply(manifests.rendered(manifests.CRITERIA_FILE, theatre.pinned))
        promotion = _act(theatre, PROMOTION, seconds)
        _settled(seconds, promotion, "all callers are on version 2.0.0")
        rollback = _act(theatre, ROLLBACK, seconds)
        end = _settled(seconds, rollback, "all callers are back on version 2.0.0")
        good = Calls.between(seconds(), promotion.began, rollback.began)
        bad = Calls.between(seconds(), rollback.began, end)
    if wrong := wrongs(promotion, rollback, good, bad):
        raise DemoError("; ".join(wrong))
    return "\n".join(
        (
            summary(first, promotion, rollback, good, bad),
            "",
            "To look further:",
            FURTHER.format(namespace=NAMESPACE, name=NAME),
        )
    )


def _prepare(theatre: Theatre) -> None:
    """An empty namespace: the demo plays the same whatever an earlier one left."""
    theatre.hands.clear()
    theatre.hands.apply(manifests.rendered(manifests.NAMESPACE_FILE, theatre.pinned))
    theatre.hands.wait_for("serviceaccount/default")


def _act(theatre: Theatre, act: Act, seconds: Callable[[], Sequence[Second]]) -> Played:
    """Apply the act's manifest and watch until what it promises is there.

    Raises:
        DemoError: It cannot come any more, or did not come in time.
    """
    deployment = manifests.rendered(manifests.DEPLOYMENT_FILES[act.version], theatre.pinned)
    began, looks = time.time(), []
    theatre.hands.apply(deployment)
    with theatre.show.act(act.title, _stages(deployment)) as screen:
        while True:
            look = theatre.hands.look(NAME)
            looks.append(look)
            screen.look(look, seconds())
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


def _stages(deployment: Manifest) -> tuple[tuple[str, int], ...]:
    canary = deployment["spec"]["strategy"].get("canary") or {"stages": []}
    return tuple((stage["name"], stage["weight"]) for stage in canary["stages"])


@contextmanager
def _calling(theatre: Theatre) -> Iterator[Callable[[], Sequence[Second]]]:
    """Callers, for as long as the block runs; gives what they have seen so far."""
    body = manifests.body_of(manifests.DEPLOYMENT_FILES[FIRST.version])
    load = Load(
        url=f"http://{NAME}/v2/models/fraud/infer",
        body=body,
        new_per_second=NEW_PER_SECOND,
        kept=KEPT,
        kept_per_second=KEPT_PER_SECOND,
        seconds=CALLER_SECONDS,
    )
    theatre.hands.apply(*pod.manifests(CALLER, NAMESPACE, theatre.caller_image, load))
    try:
        with theatre.hands.listening(CALLER) as log:
            yield lambda: log.seconds
    finally:
        theatre.hands.stop(CALLER)


def _settled(seconds: Callable[[], Sequence[Second]], played: Played, what: str) -> float:
    """Wait until callers meet nobody but stable; answers since when, as Unix time.

    Raises:
        DemoError: They still meet another after ``SETTLED_WITHIN``.
    """
    stable = played.looks[-1].arm("stable")
    revision = stable.revision if stable else ""
    deadline = time.monotonic() + SETTLED_WITHIN.total_seconds()
    while time.monotonic() < deadline:
        last = Calls.last(seconds(), QUIET_SECONDS)
        seen = last.all
        if len(last.seconds) == QUIET_SECONDS and seen.requests() == len(seen.ms.get(revision, ())):
            return last.seconds[-1].at
        time.sleep(PAUSE_SECONDS)
    last_seen = Calls.last(seconds(), QUIET_SECONDS).all
    raise DemoError(
        f"after {span(SETTLED_WITHIN.total_seconds())} it was not so that {what}: in the last "
        f"{QUIET_SECONDS} s {last_seen.errors()} of {last_seen.requests()} requests failed"
    )
