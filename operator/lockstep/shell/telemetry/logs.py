"""Structured logs: one JSON object per line, with the kind and name of the object it is about."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TextIO

from pythonjsonlogger.json import JsonFormatter

from lockstep.core.key import Key

_ABOUT: Final[ContextVar[Key | None]] = ContextVar("about", default=None)
_QUIET: Final = {
    "kopf": logging.WARNING,  # a line per event and handler
    "kopf._core.reactor.running": logging.ERROR,  # warns that it does not run in the main thread
    "aiohttp": logging.WARNING,
    "asyncio": logging.WARNING,
    "urllib3": logging.ERROR,
}


@contextmanager
def about(key: Key) -> Iterator[None]:
    """Everything logged inside, by whomever, carries ``key``."""
    token = _ABOUT.set(key)
    try:
        yield
    finally:
        _ABOUT.reset(token)


class _Key(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        key = _ABOUT.get()
        record.kind = key.kind if key else ""
        record.object = str(key.named) if key else ""
        return True


def configure(level: str, form: str, stream: TextIO = sys.stderr) -> None:
    """Send every record to ``stream``; ``form`` is ``json`` or ``text``."""
    handler = logging.StreamHandler(stream)
    handler.addFilter(_Key())
    handler.setFormatter(_json() if form == "json" else _text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, quieter in _QUIET.items():
        logging.getLogger(name).setLevel(max(quieter, root.level))


def _json() -> logging.Formatter:
    return JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(kind)s %(object)s %(message)s",
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
    )


def _text() -> logging.Formatter:
    return logging.Formatter("%(asctime)s %(levelname)-7s %(kind)s %(object)s %(message)s")
