"""Times in a status, by the clock as it is set now."""

from datetime import timedelta

from lockstep.api.base import Manifest
from lockstep.api.model_deployment_status import ModelDeploymentStatus
from lockstep.core.rollout.clocks import TOLERATED, moved
from lockstep.shell.process.clock import Clock
from lockstep.shell.rollout.memory import ObjectMemory


def counted_on(
    clock: Clock, memory: ObjectMemory, wire: Manifest, status: ModelDeploymentStatus
) -> tuple[ModelDeploymentStatus, timedelta]:
    """What is stored, by the clock as it is set now, and how far that is ahead.

    Args:
        clock: This process's.
        memory: By which clock the stored status was counted.
        wire: As it is stored: another one was written by this process, and by this clock.
        status: What it says.
    """
    set_to, known = clock.stepped, memory.clock
    if known is None:
        known = wire, set_to - clock.before
    elif known[0] is not wire:
        known = wire, known[1] if known[0] == wire else set_to
    memory.clock = known
    ahead = set_to - known[1]
    if abs(ahead) <= TOLERATED:
        return status, timedelta(0)
    later = moved(status, ahead)
    if later is status:
        memory.clock = wire, set_to
        return status, timedelta(0)
    return later, ahead
