"""What was found of an object, kept for as long as nobody asks about another one.

A pass asks the same of one spec many times over, and a spec never changes: a new one is another
object. Nothing else is kept, so that nothing has to be bounded.
"""

from collections.abc import Callable
from functools import wraps
from operator import is_
from typing import TypeVar, TypeVarTuple

Of = TypeVarTuple("Of")
Found = TypeVar("Found")


def of_last(find: Callable[[*Of], Found]) -> Callable[[*Of], Found]:
    """``find``, a pure function of objects that do not change, asked once for the same in a row."""
    last: tuple[tuple[*Of], Found] | None = None

    @wraps(find)
    def found(*of: *Of) -> Found:
        nonlocal last
        known = last
        if known is None or not all(map(is_, known[0], of)):
            known = last = (of, find(*of))
        return known[1]

    return found
