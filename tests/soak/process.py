"""The operator as a process of its own, measured from outside."""

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from lockstep.settings import Settings
from tests.cluster.probe import free_ports

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Operator:
    process: Process
    port: int
    log: Path

    def mebibytes(self) -> float:
        """What it has in memory now."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise AssertionError("the operator has ended")

    async def passes(self) -> dict[str, int]:
        """How its passes ended, as it counts them."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}/metrics") as answer,
        ):
            lines = (await answer.text()).splitlines()
        counted = [line for line in lines if line.startswith("lockstep_passes_total{")]
        return {line.split('"')[1]: int(float(line.split()[-1])) for line in counted}


@asynccontextmanager
async def running(settings: Settings, folder: Path) -> AsyncIterator[Operator]:
    """An operator with these settings, until the block ends; what it logs stays in ``folder``."""
    log, (port,) = folder / "operator.log", free_ports(1)
    told = settings.model_dump(mode="json") | {"probe_port": port}
    told["namespaces"] = ",".join(settings.namespaces)
    env = {f"LOCKSTEP_{name.upper()}": str(value) for name, value in told.items()}
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "lockstep",
            env={**os.environ, **env, "PYTHONPATH": str(ROOT / "operator")},
            stdout=out,
            stderr=out,
        )  # fmt: skip
        try:
            yield Operator(process, port, log)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
