"""What was played and what callers saw meanwhile, and whether every promise was kept. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from examples.demo.acts import Played
from examples.demo.calls import Calls


@dataclass(frozen=True, slots=True)
class Scene:
    """An act, and what callers saw from its beginning to the beginning of the next one."""

    played: Played
    calls: Calls

    @property
    def revision(self) -> str:
        """The revision that the act is about."""
        return self.played.revision(self.played.act.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All acts in their order; before the first one there are no callers.

    ``refused`` is why the API server did not take the approval of version 5.0.0's author.
    """

    first: Played
    promotion: Scene
    rollback: Scene
    switch: Scene
    back: Scene
    question: Scene
    approval: Scene
    refused: str

    @classmethod
    def told(cls, all_calls: Calls, end: float, refused: str, *acts: Played) -> Self:
        """Each act with the calls until the next one began, the last one until ``end``."""
        ends = [*(act.began for act in acts[2:]), end]
        scenes = [
            Scene(act, Calls.between(all_calls.seconds, act.began, until))
            for act, until in zip(acts[1:], ends, strict=True)
        ]
        names = ("promotion", "rollback", "switch", "back", "question", "approval")
        return cls(first=acts[0], refused=refused, **dict(zip(names, scenes, strict=True)))


def wrongs(story: Story) -> list[str]:
    """What went otherwise although every act reached its end; empty when all promises were kept."""
    return [*_lost_callers(story), *_unseen(story), *_unblamed(story), *_restarted(story)]


def _lost_callers(story: Story) -> Iterator[str]:
    """New connections never fail but for a version that is about to be taken back."""
    if not story.promotion.calls.new.requests():
        yield "no caller was counted"
    for scene in (story.promotion, story.switch, story.back, story.question, story.approval):
        errors = scene.calls.new.errors()
        if errors:
            yield f"{errors} new connections failed while this was played: {scene.played.act.title}"


def _unseen(story: Story) -> Iterator[str]:
    stages = [*story.promotion.played.stages()]
    if stages[:2] != ["fifth", "half"]:
        yield f"the stages seen on the way to 2.0.0 were {stages}"
    switched = story.switch.played.first("promotion")
    if switched is None:
        yield "version 4.0.0 was never seen on its way from preview to callers"
        return
    preview = Calls.between(story.switch.calls.seconds, story.switch.played.began, switched)
    met = preview.all.requests(story.switch.revision)
    if met:
        yield f"{met} callers met version 4.0.0 while it was in preview"


def _unblamed(story: Story) -> Iterator[str]:
    bad, revision = story.rollback.calls, story.rollback.revision
    others = bad.new.errors() - bad.new.errors(revision)
    if others:
        yield f"{others} new connections failed for which version 3.0.0 is not to blame"
    if not bad.all.errors(revision):
        yield "version 3.0.0 never failed a caller"


def _restarted(story: Story) -> Iterator[str]:
    """The way back starts no pod."""
    kept, serving = story.switch.played.looks[-1].arm("kept"), story.back.played.looks[-1]
    stable = serving.arm("stable")
    started = (stable.names if stable else frozenset()) - (kept.names if kept else frozenset())
    if started:
        yield f"{len(started)} pods of version 2.0.0 had to be started to return to it"
