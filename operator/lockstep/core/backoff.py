"""How long to wait before a pass that failed is tried again."""

from datetime import timedelta


def backoff(
    failures: int,
    *,
    base: timedelta = timedelta(milliseconds=250),
    cap: timedelta = timedelta(seconds=15),
) -> timedelta:
    """Wait before the next try.

    Args:
        failures: Consecutive failed passes so far, 1 or more.
        base: Wait after the first failure; short, because one answer may just have been lost.
        cap: Longest wait ever returned; short too, because a rollback may be what waits.

    Returns:
        ``base`` doubled once per further failure and held at ``cap``:
        0.25 s, 0.5 s, 1 s, and so on up to 15 s with the defaults.
    """
    doublings = min(failures - 1, 20)  # keeps the product far from overflow
    return min(base * (1 << doublings), cap)
