"""Reads and replaces small text files, byte for byte."""

import contextlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a file cannot be read or written, as the end of a sentence."""

    why: str


def read(path: Path) -> str | Unusable:
    """The text of ``path``, line ends as they are."""
    try:
        return path.read_bytes().decode()
    except OSError as error:
        return Unusable(f"cannot be read: {error.strerror or error}")
    except UnicodeDecodeError:
        return Unusable("cannot be read: it is not UTF-8")


def replace(path: Path, text: str) -> Unusable | None:
    """Put ``text`` in place of the file: all of it or nothing, mode kept, links followed."""
    real = path.resolve()
    try:
        handle, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
        with contextlib.ExitStack() as undo:
            undo.callback(Path(name).unlink, missing_ok=True)
            os.close(handle)
            Path(name).write_bytes(text.encode())
            Path(name).chmod(stat.S_IMODE(real.stat().st_mode))
            Path(name).replace(real)
    except OSError as error:
        return Unusable(f"cannot be written: {error.strerror or error}")
    return None
