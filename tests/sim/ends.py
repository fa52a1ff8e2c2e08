"""How a story has to end once nobody edits and nothing goes wrong any more."""

from typing import Final

from lockstep.api.model_deployment import InitialRollout
from lockstep.api.model_deployment_status import Phase
from lockstep.core.rollout.routing import Only
from tests.sim.changes import changed_spec
from tests.sim.deciders import DECISIONS
from tests.sim.promises import BrokenPromiseError, keep
from tests.sim.story import Story
from tests.sim.transcript import VERSIONS
from tests.sim.written import Nature, of_version, revision_of

FIX: Final = VERSIONS[-1]
QUIET_SECONDS: Final = 1800.0
"""Longer than all stages, deadlines and clocks of a story one after the other."""


def play_to_the_end(story: Story) -> None:
    """Always an end; another try of a good revision, and a fix for a bad one, get promoted."""
    try:
        story.run_for(QUIET_SECONDS)
        ends(story)
        if not _done(story) and _is_good(story):
            story.edit("asks for another try", retry="in calm weather")
            _gets_promoted(story)
        elif not _is_good(story) or _is_ruined(story):
            fix = changed_spec(of_version(story.spec, FIX), rollback_to="")
            story.apply(f"applies version {FIX}", fix)
            _gets_promoted(story)
        is_silent(story)
    except BrokenPromiseError as broken:
        if "time  phase" in str(broken):
            raise
        raise BrokenPromiseError(f"{broken}\n{story.transcript.tail()}") from None


def _gets_promoted(story: Story) -> None:
    """An unhealthy stable never blocks a fix."""
    story.run_for(QUIET_SECONDS)
    ends(story)
    keep("a good revision is promoted in calm weather", _done(story), story.status.message)


def ends(story: Story) -> None:
    """Healthy on what is wanted, Degraded with stable serving, or Paused with a reason."""
    status = story.status
    unheard = [it.name for it in story.objects.of(DECISIONS).values() if it.outcome is None]
    keep("every Decision gets its answer", not unheard, ", ".join(unheard))
    match status.phase:
        case Phase.HEALTHY:
            keep("Healthy means that the wanted revision serves", _done(story), status.message)
            _alone(story)
        case Phase.DEGRADED:
            allowed = not _done(story) or _is_ruined(story)
            keep("only a sick or once troubled revision ends Degraded", allowed)
            if status.stable:
                _stable_serves(story)
            if status.rejected and not _is_ruined(story):
                _alone(story)
        case Phase.PAUSED:
            paused = [it for it in status.conditions if it.type == "Paused"]
            keep("a pause has a reason", paused and paused[0].reason and status.message)
            keep("somebody serves during a pause", _served(story))
        case _:
            raise BrokenPromiseError(
                f"there is always an end, not {status.phase}: {status.message}"
            )


def is_silent(story: Story) -> None:
    """A repeated pass writes nothing."""
    writes = story.hands.writes
    for _ in range(3):
        story.enqueue()
        story.run_for(120.0)
    keep("a repeated pass writes nothing", story.hands.writes == writes)


def _wanted(story: Story) -> str:
    return story.spec.rollback_to or revision_of(story.spec.model.version)


def _done(story: Story) -> bool:
    stable = story.status.stable
    return stable is not None and stable.revision == _wanted(story) and not story.status.candidate


def _is_good(story: Story) -> bool:
    nature = story.cluster.natures.get(_wanted(story), Nature.GOOD)
    direct = story.spec.initial_rollout is InitialRollout.DIRECT
    first = story.status.stable is None and direct
    ungated = story.spec.strategy.rolling is not None or first
    if nature in {Nature.FAILS_UNDER_LOAD, Nature.MUTE_UNDER_LOAD}:
        return ungated
    return nature is Nature.GOOD or (nature is Nature.WRONG_ANSWER and not story.spec.smoke_test)


def _alone(story: Story) -> None:
    stable = story.status.stable
    if stable is None:
        return
    _stable_serves(story)
    left = {arm.revision for arm in story.arms().values()} - {stable.revision}
    keep("nothing is left of other revisions", not left, str(left))


def _stable_serves(story: Story) -> None:
    stable, service = story.status.stable, story.cluster.service()
    assert stable is not None
    arm = story.arms().get(stable.revision)
    ready = arm.ready if arm else 0
    if ready:
        keep("all callers are on stable", service and service.routing == Only(stable.revision))
    if not _is_ruined(story):
        keep("stable is whole", ready == story.spec.replicas, f"{ready} ready")


def _served(story: Story) -> bool:
    nobody_could = story.status.stable is None or _is_ruined(story)
    return nobody_could or bool(story.cluster.selected())


def _is_ruined(story: Story) -> bool:
    stable = story.status.stable
    return stable is not None and story.cluster.natures.get(stable.revision) is Nature.CRASHES
