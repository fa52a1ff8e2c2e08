"""A story as people read it: one line per change, with versions instead of digests."""

import re
from typing import TYPE_CHECKING, Final

from lockstep.core.rollout.plan import Plan
from lockstep.core.rollout.routing import Everyone, Nobody, Only, Routing, Shares
from tests.sim.agenda import Agenda
from tests.sim.written import revision_of

if TYPE_CHECKING:
    from tests.sim.story import Story

VERSIONS: Final = tuple(f"{number}.0.0" for number in range(1, 13))
_HEAD: Final = (
    f"{'time':>8}  {'phase':<11}  {'stage':<14}  {'callers':<13}  {'pods ready':<22}  message"
)


class Transcript:
    """Lines about one story. Pods are ready/wanted; ``+n`` are on their way out."""

    def __init__(self, agenda: Agenda) -> None:
        self.lines: list[str] = []
        self._agenda = agenda
        self._last = ""

    def note(self, what: str) -> None:
        self.lines.append(f"{self._time()}  -- {what}")

    def line(self, story: "Story", decided: Plan) -> None:
        """Write a line if anything in it is new."""
        status = decided.status
        stage = status.stage
        shown = f"{stage.name} {_weights(decided)}" if stage else ""
        service = story.cluster.service()
        said = (
            f"{status.phase or '':<11}  {shown:<14}  "
            f"{_callers(service.routing if service else None):<13}  {_pods(story):<22}  "
            f"{named(status.message)}"
        )
        if said != self._last:
            self._last = said
            self.lines.append(f"{self._time()}  {said}")
        for event in decided.events:
            self.lines.append(f"{'':>8}  event {event.type} {event.reason}")

    def tail(self, count: int = 40) -> str:
        return "\n".join([_HEAD, *self.lines[-count:]])

    def text(self) -> str:
        return "\n".join([_HEAD, *self.lines]) + "\n"

    def _time(self) -> str:
        minutes, seconds = divmod(int(self._agenda.seconds), 60)
        return f"+{minutes:02}:{seconds:02}".rjust(8)


def _weights(decided: Plan) -> str:
    weights = decided.status.weights
    return f"{weights.actual}/{weights.desired}%" if weights else ""


def _callers(routing: Routing | None) -> str:
    match routing:
        case None:
            return "no Service"
        case Nobody():
            return "nobody"
        case Everyone():
            return "everyone"
        case Only(revision):
            return f"only {short(revision)}"
        case Shares(percent):
            return " ".join(f"{short(revision)} {share}%" for revision, share in percent)


def _pods(story: "Story") -> str:
    arms = story.arms()
    shown = []
    for name in sorted(arms, key=short):
        arm = arms[name]
        going = sum(pod.terminating for pod in arm.pods)
        shown.append(f"{short(name)} {arm.ready}/{arm.wanted}" + (f"+{going}" if going else ""))
    return " ".join(shown)


def short(revision: str) -> str:
    """``v2`` for the revision of version 2.0.0."""
    for version in VERSIONS:
        if revision_of(version) == revision:
            return f"v{version.partition('.')[0]}"
    return revision


def named(text: str) -> str:
    """A sentence with versions instead of digests, which nobody could read."""
    for version in VERSIONS:
        text = text.replace(revision_of(version), f"<digest of {short(revision_of(version))}>")
    return re.sub(r"fraud-(<digest of v\d+>)-p\d+", r"fraud-\1-pod", text)
