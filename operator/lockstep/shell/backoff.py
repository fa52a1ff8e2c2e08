"""How long to wait before a pass that failed is tried again."""

from datetime import timedelta


def backoff(
    failures: int,
    *,
    base: timedelta = timedelta(seconds=1),
    cap: timedelta = timedelta(minutes=2),
) -> timedelta:
    """Wait before the next try.

    Args:
        failures: Consecutive failed passes so far, 1 or more.
        base: Wait after the first failure.
        cap: Longest wait ever returned; short, because a rollback may be what waits.

    Returns:
        ``base`` doubled once per further failure and held at ``cap``:
        1 s, 2 s, 4 s, and so on up to 2 min with the defaults.
    """
    doublings = min(failures - 1, 20)  # keeps the product far from overflow
    return min(base * (1 << doublings), cap)
