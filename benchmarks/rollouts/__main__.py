"""`python -m benchmarks.rollouts --n 100 300 1000`: what we claim about speed, measured."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from benchmarks.rollouts import scale
from benchmarks.rollouts.plane import machine

IDLE_SECONDS = 180.0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rollouts", description=__doc__)
    parser.add_argument("--n", type=int, nargs="*", default=[30], help="rollouts at once")
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS, help="seconds of nothing")
    parser.add_argument("--json", type=Path, help="where the figures go")
    return parser.parse_args()


def main() -> int:
    told = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    found: dict[str, Any] = {"machine": machine(), "scale": []}
    for n in told.n:
        found["scale"].append(scale.plain(asyncio.run(scale.measure(n, told.idle))))
    text = json.dumps(found, indent=2) + "\n"
    if told.json:
        told.json.write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
