"""`python -m benchmarks.rollouts --n 100 300 1000`: what we claim about speed, measured."""

import argparse
import asyncio
import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.rollouts import argo, gates, least, plain, report, scale
from benchmarks.rollouts.plane import machine


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rollouts", description=__doc__)
    parser.add_argument("--n", type=int, nargs="*", default=[30], help="rollouts at once")
    parser.add_argument("--idle", type=float, default=180, help="seconds of nothing")
    parser.add_argument("--plain", type=int, default=0, help="Deployments updated without us")
    parser.add_argument("--least", type=int, default=0, help="rollouts with the least requests")
    parser.add_argument("--argo", type=int, default=0, help="rollouts of Argo Rollouts")
    parser.add_argument(
        "--intervals", type=int, nargs="*", default=[], help="of a metric, for one deployment"
    )
    parser.add_argument("--trials", type=int, default=20, help="for each of these intervals")
    parser.add_argument("--bad", type=int, default=0, help="deployments that turn bad at once")
    parser.add_argument("--out", type=Path, help="a folder for the figures and their table")
    return parser.parse_args()


async def _measured(told: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {
        "machine": machine(),
        "scale": [],
        "plain": [],
        "least": [],
        "argo": [],
        "reactions": [],
        "measuring": [],
    }
    for n in told.n:
        found["scale"].append(asdict(await scale.measure(n, told.idle)))
    if told.plain:
        found["plain"].append(asdict(await plain.measure(told.plain)))
    if told.least:
        found["least"].append(asdict(await least.measure(told.least)))
    if told.argo:
        found["argo"].append(asdict(await argo.measure(told.argo)))
    if told.intervals:
        reactions = await gates.measure_one(tuple(told.intervals), told.trials)
        found["reactions"] += [asdict(reaction) for reaction in reactions]
    if told.bad:
        measuring, reaction = await gates.measure_many(told.bad, interval=10)
        found["measuring"].append(asdict(measuring))
        found["reactions"].append(asdict(reaction))
    return found


def main() -> int:
    told = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    found = asyncio.run(_measured(told))
    text = json.dumps(found, indent=2) + "\n"
    table = report.markdown(found)
    if told.out:
        told.out.mkdir(parents=True, exist_ok=True)
        (told.out / "rollouts.json").write_text(text)
        (told.out / "rollouts.md").write_text(table)
    print(text if not told.out else "", table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
