"""The landing that an upgrade starts from comes from the history, or a sentence says why not."""

import subprocess
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


def test_a_shallow_clone_fetches_that_one_commit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    origin, clone, found = (tmp_path / name for name in ("origin", "clone", "found"))
    for folder in (origin / "operator", found):
        folder.mkdir(parents=True)
    _git(origin, "init", "--quiet")
    for version in ("previous", "present"):
        (origin / "operator" / "version").write_text(version)
        _git(origin, "add", "--all")
        _git(origin, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", version)
    _git(tmp_path, "clone", "--quiet", "--depth=1", origin.as_uri(), str(clone))
    monkeypatch.setattr(previous, "ROOT", clone)
    monkeypatch.setattr(previous, "COMMIT", _git(origin, "rev-parse", "HEAD~1"))
    monkeypatch.setattr(previous, "PARTS", ("operator",))
    previous.checkout(found)
    assert (found / "operator" / "version").read_text() == "previous"


def _git(folder: Path, *argv: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *argv], capture_output=True, check=True)
    return done.stdout.decode().strip()
