"""Runs other programs; a failure becomes one sentence with the program's own last words."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.cluster.errors import ClusterError


def run(
    argv: Sequence[object],
    *,
    what: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str = "",
    timeout_seconds: float = 600,
) -> str:
    """Standard output of a program that has to succeed.

    Args:
        argv: The program and its arguments.
        what: What it was for, as the subject of a sentence: "building etcd".
        env: Added to this process's environment.
        cwd: Where it runs.
        stdin: What it reads.
        timeout_seconds: Longest it may take.

    Raises:
        ClusterError: It failed, was not there or took too long.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_seconds,
        )
    except FileNotFoundError as error:
        raise ClusterError(f"{what} needs the program {words[0]}, which is not here") from error
    except subprocess.TimeoutExpired as error:
        raise ClusterError(f"{what} took more than {timeout_seconds:.0f} s: {words[0]}") from error
    if done.returncode != 0:
        raise ClusterError(f"{what} failed: {last_words(done.stderr or done.stdout)}")
    return done.stdout


def succeeds(argv: Sequence[object], timeout_seconds: float = 20) -> bool:
    """Whether a program is there and ends well."""
    try:
        done = subprocess.run(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=timeout_seconds,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def last_words(output: str) -> str:
    """The last line that says something."""
    said = [line.strip() for line in output.splitlines() if line.strip()]
    return said[-1][:400] if said else "it said nothing"
