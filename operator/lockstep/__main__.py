import asyncio
import gc
import logging
import signal
import sys
from typing import Final

from lockstep import handlers, wiring
from lockstep.errors import LockstepError
from lockstep.settings import Settings
from lockstep.shell.telemetry import logs

OBJECTS_BETWEEN_COLLECTIONS: Final = 20_000
"""What a pass makes is freed without the collector; Python's 700 costs a fifteenth of the CPU."""


async def _main(settings: Settings) -> int:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await wiring.run(settings, handlers.registry, stop)
    except LockstepError as error:
        logging.getLogger(__name__).critical("the operator stops: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    chosen = Settings()
    logs.configure(chosen.log_level, chosen.log_format)
    sys.exit(asyncio.run(_main(chosen)))
