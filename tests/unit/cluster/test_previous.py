"""The landing that an upgrade starts from comes from the history, or a sentence says why not."""

from pathlib import Path

import pytest

from tests.cluster import ClusterError
from tests.e2e import previous


def test_a_history_that_does_not_reach_so_far_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    def fails(argv: list[str], **_: float) -> bool:
        asked.append(argv[3])
        return False

    monkeypatch.setattr(previous, "succeeds", fails)
    with pytest.raises(ClusterError, match=rf"{previous.COMMIT[:7]}.*git fetch --unshallow"):
        previous.checkout(tmp_path)
    assert asked == ["cat-file", "fetch", "cat-file"]


def test_the_commit_is_named_in_full() -> None:
    assert len(previous.COMMIT) == 40
    assert set(previous.COMMIT) <= set("0123456789abcdef")
