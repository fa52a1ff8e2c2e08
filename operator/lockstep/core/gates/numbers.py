"""How numbers are written in queries, status and sentences: as people write them, no exponents."""

import math
from decimal import Decimal
from typing import Final

_LONGEST: Final = 32
_EXACT: Final = 1e15


def plain(value: float) -> str:
    """A number as people write it, every digit that matters: ``0.25``, ``5``, ``0.00001``."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"
    if value == int(value) and abs(value) < _EXACT:
        return str(int(value))
    return _bounded(repr(value))


def rounded(value: float) -> str:
    """A measured number, to six significant digits; whole ones exactly: ``0.812346``, ``1200``."""
    if not math.isfinite(value) or (value == int(value) and abs(value) < _EXACT):
        return plain(value)
    return _bounded(f"{value:.6g}")


def _bounded(text: str) -> str:
    """Without exponent while that fits a status field; 1e300 keeps it."""
    written = format(Decimal(text), "f")
    return written if len(written) <= _LONGEST else text
