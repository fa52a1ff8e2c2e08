"""Stories with a script: small, without chance, told for their transcripts and for crash points."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from lockstep.api.decision import Act
from lockstep.core.rollout.observed import CallerService
from lockstep.core.rollout.routing import Nobody
from tests.sim import deciders
from tests.sim.cluster import Weather
from tests.sim.objects import RESOURCE
from tests.sim.story import Setting, Story
from tests.sim.written import COUNTED, PREVIEW_THEN_ALL, Nature, Way, of_version, revision_of, spec

STAGES: Final[list[dict[str, Any]]] = [
    {"name": "fifth", "weight": 20, "soak": "20s"},
    {"name": "half", "weight": 50, "deadline": "5m", "exitCriteria": [COUNTED]},
    {"name": "full", "weight": 100, "soak": "30s"},
]
_FIRST: Final = 30.0
"""When the first version has long been serving."""


@dataclass(frozen=True, slots=True)
class Script:
    """A setting, and what happens in it; ``plays`` puts it on the agenda."""

    setting: Setting
    plays: Callable[[Story], None]
    seconds: float = 420.0


def _setting(way: Way = Way.SHRINK, **natures: Nature) -> Setting:
    """``v3=…`` is the nature of version 3.0.0."""
    by_version = {f"{name[1:]}.0.0": nature for name, nature in natures.items()}
    return Setting(
        spec=spec(way, "1.0.0", STAGES, minReadySeconds=2),
        natures=by_version,
        weather=Weather(),
        repeat_share=1.0,
    )


def _dying_lines(rounds: int, deepest: int = 7) -> frozenset[int]:
    """Each pass gets one line further than the one before, until it starts again."""
    return frozenset(itertools.accumulate([*range(1, deepest + 1)] * rounds))


def _applies(story: Story, version: str, at: float) -> None:
    def apply() -> None:
        story.apply(f"applies version {version}", of_version(story.spec, version))

    story.agenda.at(at, apply)


def _first(story: Story) -> None:
    del story


def _second(story: Story) -> None:
    _applies(story, "2.0.0", _FIRST)


def _superseded(story: Story) -> None:
    _applies(story, "2.0.0", _FIRST)
    _applies(story, "3.0.0", _FIRST + 50)


def _returned(story: Story) -> None:
    _applies(story, "2.0.0", _FIRST)
    _applies(story, "1.0.0", _FIRST + 50)


def _shared_trouble(story: Story) -> None:
    _applies(story, "2.0.0", _FIRST)

    def trouble() -> None:
        story.transcript.note("errors everywhere, whoever answers")
        story.parts.shared = True

    def relief() -> None:
        story.transcript.note("the errors are over")
        story.parts.shared = False
        story.edit("asks to measure the stage again", retry="after the outage")

    story.agenda.at(_FIRST + 40, trouble)
    story.agenda.at(_FIRST + 150, relief)


def _sick_stable(story: Story) -> None:
    def ruin() -> None:
        story.transcript.note("whatever version 1.0.0 needs is gone: its pods crash")
        stable = story.status.stable
        assert stable is not None
        story.cluster.natures[stable.revision] = Nature.CRASHES
        story.cluster.fail_all(stable.revision, 5.0)

    story.agenda.at(_FIRST, ruin)
    _applies(story, "2.0.0", _FIRST + 20)


def _scaled_in(story: Story) -> None:
    _applies(story, "2.0.0", _FIRST)
    story.agenda.at(_FIRST + 55, lambda: story.edit("scales in to 2", replicas=2))


def _paused(story: Story) -> None:
    _applies(story, "2.0.0", _FIRST)
    story.agenda.at(_FIRST + 45, lambda: story.edit("pauses", paused=True))
    story.agenda.at(_FIRST + 150, lambda: story.edit("unpauses", paused=False))


def _drained(story: Story) -> None:
    """Twice in one stage: nobody's death."""
    _second(story)

    def drain(it: Story) -> None:
        candidate = it.status.candidate
        assert candidate is not None
        it.transcript.note("a node with a pod of the candidate is drained")
        arm = it.arms()[candidate.revision]
        it.cluster.drain(min(pod.name for pod in arm.pods if not pod.terminating))

    deciders.when(story, _soaks("fifth"), drain, drain)


def _by_hand(story: Story) -> None:
    def meddle() -> None:
        service = story.cluster.service()
        assert service is not None
        story.transcript.note("somebody edits the Service: it selects nobody")
        story.meddle(CallerService(uid=service.uid, routing=Nobody(), drifted=True))

    story.agenda.at(_FIRST, meddle)


def _loses_status(story: Story) -> None:
    story.transcript.note("the status is lost")
    story.objects.put(RESOURCE, replace(story.resource, status={}))


def _forgotten(story: Story) -> None:
    story.agenda.at(_FIRST, lambda: _loses_status(story))


def _forgotten_on_trial(story: Story) -> None:
    _applies(story, "2.0.0", _FIRST)
    story.agenda.at(_FIRST + 50, lambda: _loses_status(story))


def _manual(way: Way, **natures: Nature) -> Setting:
    """A blue-green that waits for somebody to say Promote."""
    before = _setting(way, **natures)
    strategy = {"blueGreen": {**PREVIEW_THEN_ALL, "autoPromote": False}}
    return replace(before, spec=spec(way, "1.0.0", minReadySeconds=2, strategy=strategy))


_UNGATED: Final[list[dict[str, Any]]] = [
    {"name": "half", "weight": 50, "soak": "20s"},
    {"name": "full", "weight": 100},
]


def _baked(v2: Nature = Nature.GOOD) -> Setting:
    """A canary that measures nothing before its bake."""
    told = spec(Way.BAKED, "1.0.0", _UNGATED, minReadySeconds=2)
    return replace(_setting(v2=v2), spec=told)


def _windowed() -> Setting:
    before = _setting()
    window = {"rollbackWindow": {"revisions": 1}}
    return replace(before, spec=spec(Way.SHRINK, "1.0.0", _UNGATED, minReadySeconds=2, **window))


def _gated_first() -> Setting:
    gate = {"initialRollout": "Gate"}
    return replace(_setting(), spec=spec(Way.SHRINK, "1.0.0", STAGES, minReadySeconds=2, **gate))


def _rolls_back(story: Story, version: str, at: float) -> None:
    def edit() -> None:
        target = revision_of(version) if version else ""
        story.edit(f"sets rollbackTo to {version or 'nothing'}", rollback_to=target)

    story.agenda.at(at, edit)


def _rolled_back_to(story: Story) -> None:
    _applies(story, "2.0.0", _FIRST)
    _rolls_back(story, "1.0.0", _FIRST + 120)
    _rolls_back(story, "", _FIRST + 180)


def _rolled_back_to_nowhere(story: Story) -> None:
    _applies(story, "2.0.0", _FIRST)
    story.agenda.at(
        _FIRST + 20, lambda: story.edit("sets rollbackTo to what nobody knows", rollback_to="0" * 8)
    )
    _rolls_back(story, "", _FIRST + 120)


def _troubled_first(story: Story) -> None:
    def mend() -> None:
        story.parts.shared = False
        story.edit("asks for another try", retry="mended")

    story.parts.shared = True
    story.agenda.at(_FIRST + 60, mend)


def _approved() -> Setting:
    """The second stage wants two people of a group, and not whoever wrote the revision."""
    wanted = {"required": 2, "groups": ["ml"], "expiresAfter": "5m", "excludeAuthor": True}
    fifth, half, full = STAGES
    stages = [fifth, {**half, "approval": wanted}, full]
    return replace(_setting(), spec=spec(Way.SHRINK, "1.0.0", stages, minReadySeconds=2))


def _asked(story: Story) -> bool:
    return deciders.reason(story.status) == "ApprovalNeeded"


def _two_people(story: Story) -> None:
    """The author may not, a stranger may not, one is not enough, two are."""
    _second(story)
    deciders.when(
        story,
        _asked,
        lambda it: deciders.decides(it, Act.APPROVE, deciders.AUTHOR, groups=["ml"]),
        lambda it: deciders.decides(it, Act.APPROVE, "eve", groups=["ops"]),
        lambda it: deciders.decides(it, Act.APPROVE, "alice", groups=["ml"]),
        lambda it: deciders.decides(it, Act.APPROVE, "bob", groups=["ml"]),
    )


def _nobody_approves(story: Story) -> None:
    """Nobody comes in time; a retry measures and asks again."""
    _second(story)

    def expired(it: Story) -> bool:
        return deciders.reason(it.status) == "ApprovalExpired"

    deciders.when(story, expired, lambda it: deciders.decides(it, Act.RETRY, "alice"))


def _holding(name: str) -> Callable[[Story], bool]:
    def holds(story: Story) -> bool:
        stage = story.status.stage
        return stage is not None and stage.name == name and stage.entered_at is not None

    return holds


def _soaks(name: str) -> Callable[[Story], bool]:
    def stands(story: Story) -> bool:
        stage = story.status.stage
        return _holding(name)(story) and stage is not None and stage.standing_since is not None

    return stands


def _second_thoughts(story: Story) -> None:
    """Paused, resumed, a stage skipped, aborted, tried again and promoted in full."""
    _second(story)
    deciders.when(story, _holding("fifth"), _does(Act.PAUSE), _does(Act.RESUME))
    deciders.when(story, _holding("half"), _does(Act.SKIP_STAGE))
    deciders.when(story, _holding("full"), _does(Act.ABORT))

    def back(it: Story) -> bool:
        return it.status.rejected is not None

    def again(it: Story) -> bool:
        return _holding("fifth")(it) and len(it.decided) == len("PRSAR")

    deciders.when(story, back, _does(Act.RETRY))
    deciders.when(story, again, _does(Act.PROMOTE_FULL))


def _does(act: Act) -> Callable[[Story], None]:
    return lambda story: deciders.decides(story, act, "alice")


SCRIPTS: Final[dict[str, Script]] = {
    "a first deployment": Script(_setting(), _first, 60),
    "a canary is promoted": Script(_setting(), _second),
    "a rolling update is promoted": Script(_setting(Way.ROLLING), _second, 200),
    "a canary without surge is promoted": Script(_setting(Way.NO_SURGE), _second),
    "a gate fails at half and everybody is back at once": Script(
        _setting(v2=Nature.FAILS_UNDER_LOAD), _second
    ),
    "a gate fails at half and callers return as stable grows": Script(
        _setting(Way.PACED, v2=Nature.FAILS_UNDER_LOAD), _second
    ),
    "a candidate too busy to be scraped is taken back": Script(
        _setting(v2=Nature.MUTE_UNDER_LOAD), _second
    ),
    "a wrong answer in the smoke test and no caller ever": Script(
        _setting(v2=Nature.WRONG_ANSWER), _second, 150
    ),
    "an image that cannot be pulled fails fast": Script(_setting(v2=Nature.NO_IMAGE), _second, 150),
    "a node without room is waited for": Script(_setting(v2=Nature.NO_ROOM), _second, 300),
    "a slow start is waited for": Script(_setting(v2=Nature.SLOW_START), _second, 300),
    "a candidate that dies again and again is taken back": Script(
        _setting(v2=Nature.DIES), _second, 200
    ),
    "a candidate that runs out of memory is taken back at once": Script(
        _setting(v2=Nature.OUT_OF_MEMORY), _second, 200
    ),
    "a candidate that is evicted again and again is taken back": Script(
        _setting(v2=Nature.EVICTED), _second, 300
    ),
    "pods that no kubelet takes are not waited for": Script(
        _setting(v2=Nature.NOT_TAKEN), _second, 150
    ),
    "a drained node begins the soak anew": Script(_setting(), _drained),
    "a newer version supersedes the one on trial": Script(_setting(), _superseded),
    "back to the stable content ends the trial": Script(_setting(), _returned, 200),
    "stable fails the gate too and a person decides": Script(_setting(), _shared_trouble, 480),
    "an unhealthy stable does not block its fix": Script(_setting(), _sick_stable),
    "scaled in while half of the callers are on the candidate": Script(_setting(), _scaled_in),
    "paused in the middle of a stage": Script(_setting(), _paused),
    "a child edited by hand is put back": Script(_setting(), _by_hand, 60),
    "a lost status is rebuilt from the children": Script(_setting(), _forgotten, 60),
    "a status lost in the middle of a trial starts it anew": Script(
        _setting(), _forgotten_on_trial
    ),
    "a blue-green is switched at once": Script(_setting(Way.BLUE_GREEN), _second),
    "a blue-green fails after the switch and is switched back": Script(
        _setting(Way.BLUE_GREEN, v2=Nature.FAILS_UNDER_LOAD), _second
    ),
    "a blue-green waits for a person": Script(_manual(Way.BLUE_GREEN), _second, 150),
    "a bake fails and everybody is back": Script(_baked(v2=Nature.FAILS_UNDER_LOAD), _second, 240),
    "a bake ends and the old stable goes": Script(_baked(), _second, 240),
    "back inside the window and forwards through the stages": Script(_windowed(), _rolled_back_to),
    "a target that nobody knows holds the trial": Script(_setting(), _rolled_back_to_nowhere),
    "a first revision passes its gates before its first caller": Script(
        _gated_first(), _first, 120
    ),
    "a first revision fails its gates and is tried again": Script(
        _gated_first(), _troubled_first, 240
    ),
    "two people approve a stage": Script(_approved(), _two_people),
    "nobody approves in time": Script(_approved(), _nobody_approves, 600),
    "somebody has second thoughts": Script(_setting(), _second_thoughts),
    "an operator that dies before every line of a pass": Script(
        replace(_setting(v2=Nature.FAILS_UNDER_LOAD), crashes=_dying_lines(3)), _second
    ),
}


def promoted(way: Way) -> Script:
    """A second version that nothing is wrong with."""
    return Script(_setting(way), _second)


def play(script: Script, crashes: frozenset[int] = frozenset()) -> Story:
    """Tell a scripted story; the operator dies before each of the lines ``crashes``."""
    story = Story(script.setting)
    story.hands.crashes |= crashes
    script.plays(story)
    story.run_until(script.seconds)
    return story
