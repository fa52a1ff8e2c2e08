"""Taking the local cluster down leaves nothing on the machine, and it comes back."""

import time

import pytest

from tests.cluster import down, up
from tests.cluster.local import lifecycle, residue
from tests.cluster.processes import Book, alive, identify

pytestmark = pytest.mark.cluster


def test_down_leaves_nothing_and_up_brings_it_back() -> None:
    state = up().state
    layout, book = lifecycle._layout(state), Book(state)
    names = book.names()
    running = [known.pid for name in names if (known := book.process(name))]
    ours = [one for pid in (*running, *residue.pods(layout)) if (one := identify(pid))]

    began = time.monotonic()
    down()
    print(f"down: {time.monotonic() - began:.1f} s")
    assert residue.left_over(layout) == []
    assert [one for one in ours if alive(one)] == []

    began = time.monotonic()
    up([name for name in ("kwok",) if name in names])
    print(f"up again: {time.monotonic() - began:.1f} s")
    assert book.names() == names
