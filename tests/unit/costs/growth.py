"""How the cost of a function grows with its input, told without a clock where that is possible."""

import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

FACTOR: Final = 8
TWICE_LINEAR: Final = 2.5 * FACTOR
"""Eight times the input: linear work grows eightfold, quadratic work sixty-fourfold."""

_NOISE_SECONDS: Final = 0.001
_TRIES: Final = 5


def calls(work: Callable[[], object]) -> int:
    """How many functions ``work`` calls, those written in C included."""
    count = 0

    def seen(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def time_grows_linearly(make: Callable[[int], Callable[[], object]], size: int) -> bool:
    """Whether eight times the input takes no more than twice eight times as long.

    Seen from an eighth of ``size`` on, so that what explodes is noticed while it is small. What is
    too quick to be measured is not measured. A machine that does other things meanwhile makes one
    try look worse, never all of them.
    """
    return all(_is_linear(make, at) for at in (size // FACTOR, size))


def _is_linear(make: Callable[[int], Callable[[], object]], size: int) -> bool:
    small, large = make(size), make(FACTOR * size)
    return any(
        _seconds(large) < TWICE_LINEAR * max(_seconds(small), _NOISE_SECONDS / FACTOR)
        for _ in range(_TRIES)
    )


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
