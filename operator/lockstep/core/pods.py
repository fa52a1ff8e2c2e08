"""A pod as a pass sees it: whether it answers, why it does not, and what has become of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lockstep.api.failures import FailureReason
from lockstep.core.facts import Trouble


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a pod will not run again, in the kubelet's own word and sentence."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Wait:
    """What a pod that is not ready waits for, by its own status, and since when it is not.

    ``wrong``: something failed, it is not only slow. ``plain``: its Events say nothing more.
    """

    message: str
    since: datetime | None = None
    wrong: bool = False
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Going:
    """A pod that was told to go: until when it has time to, and who may keep it all the same."""

    until: datetime
    grace: timedelta
    finalizers: tuple[str, ...] = ()
    node: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """What a pod's containers have been through, told of the one that ended last.

    ``restarts``: of the container restarted most often. ``reason``: why the last one ended, in the
    kubelet's word. ``down``: one of them does not run now, and not because its work is done.
    """

    restarts: int
    reason: str
    message: str
    down: bool = False


LOOPS: Final = 2
"""Restarts of one container after which a pod that is down is said to be in a crash loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One pod with our label; ``unschedulable`` is the scheduler's sentence, said since then.

    ``held``: its containers are ready and a readiness gate is not, so that it answers and nobody is
    sent to it, selected or not.
    ``gated``: not the scheduler but a scheduling gate says it. ``cause``: why it does not answer,
    once that is worth telling.
    ``restarts``: of all its containers together. ``failed``: it will not run again. ``disrupted``:
    the cluster takes it away, whatever runs in it: for its node, or for somebody more important.
    ``owner_uid`` is what will make it anew when it goes; empty: nobody will. ``owner`` is the name
    of the ReplicaSet that this is, if it is one, and ``generated`` whether the pod's name was made
    from that. ``mark``: of the template that it was made from. ``made``: from that of its revision.
    """

    name: str
    uid: str
    revision: str
    owner_uid: str = ""
    owner: str = ""
    generated: bool = False
    mark: str = ""
    made: bool = True
    ip: str | None = None
    ready: bool = False
    held: bool = False
    terminating: bool = False
    trouble: Trouble | None = None
    unschedulable: str | None = None
    unschedulable_since: datetime | None = None
    gated: bool = False
    wait: Wait | None = None
    cause: str = ""
    going: Going | None = None
    created: datetime | None = None
    restarts: int = 0
    crash: Crash | None = None
    failed: Ended | None = None
    disrupted: bool = False

    @property
    def sick(self) -> Trouble | None:
        """What keeps it from answering, a crash loop included; None while it may just start."""
        crash = self.crash
        if self.trouble or not crash or not crash.down or crash.restarts < LOOPS:
            return self.trouble
        return Trouble(FailureReason.CRASH_LOOP, crash.message)
