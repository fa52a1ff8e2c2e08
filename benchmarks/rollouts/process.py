"""The operator as its own process with default settings, and what /proc says of any process."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rollouts.plane import SYSTEM, Plane
from tests.cluster.probe import free_ports

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads since the process began."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_mib(pid: int, name: str) -> float:
    """``VmHWM``: the most that was ever resident; ``VmRSS``: what is now."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


@dataclass(frozen=True, slots=True)
class Operator:
    """One running operator; ``began`` is when it was started, on the monotonic clock."""

    pid: int
    port: int
    began: float

    def metric(self, name: str) -> float:
        """The sum of all series of ``name`` that the operator exposes; 0 while it is silent."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as it:
                lines = it.read().decode().splitlines()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return 0.0
        named = (line for line in lines if line.split("{")[0].split(" ")[0] == name)
        return sum(float(line.rpartition(" ")[2]) for line in named)


@contextmanager
def operator(made: Plane, prometheus: str = "http://127.0.0.1:9") -> Iterator[Operator]:
    """Run it as the image does; only where things are is told to it."""
    (port,) = free_ports(1)
    told = {
        "LOCKSTEP_KUBECONFIG": str(made.operator),
        "LOCKSTEP_LEASE_NAMESPACE": SYSTEM,
        "LOCKSTEP_PROMETHEUS_URL": prometheus,
        "LOCKSTEP_PROBE_PORT": str(port),
    }
    log = made.state / "log" / "operator.log"
    command = [*_profiler(), sys.executable, "-m", "lockstep"]
    with log.open("a") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command, env={**os.environ, **told}, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            yield Operator(process.pid, port, began)
            assert process.poll() is None, f"the operator ended by itself: {_tail(log)}"
        finally:
            process.terminate()
            process.wait(timeout=40)


def _tail(log: Path) -> str:
    return "\n".join(log.read_text().splitlines()[-5:])


def _profiler() -> list[str]:
    return os.environ.get("BENCH_PROFILER", "").split()
