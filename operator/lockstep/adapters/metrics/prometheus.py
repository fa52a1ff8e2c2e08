"""Prometheus' replies in our words. No wire, no exceptions of any library: shapes and texts only.

prometheus-api-client hands over ``data.result`` without its type, so the type is told by shape, its
series made small by then; what Prometheus refused arrives as text inside an exception.
"""

import ast
import json
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from lockstep.adapters.metrics.slim import number
from lockstep.api.base import cut
from lockstep.core.gates.question import Answer, Broken, Reply, Series, Unasked

_REFUSED: Final = re.compile(r"HTTP Status Code (\d+) \((b['\"].*)\)\Z", re.DOTALL)
_EXCERPT: Final = 200
_UNAUTHORIZED: Final = (401, 403)
_BAD_REQUEST: Final = 400


def read(result: object, address: str) -> Answer:
    """What ``data.result`` of an instant query says."""
    match result:
        case []:
            return Reply(())
        case [int() | float(), str(text)]:
            return _scalar(text, address)
        case [dict() | Series() | Broken() | None, *_]:
            return _vector(result, address)
        case _:
            return unknown_shape(address)


def unknown_shape(address: str) -> Broken:
    return Broken(f"{shown(address)} answered with JSON of an unknown shape: is it Prometheus?")


def not_json(address: str, document: str) -> Broken:
    """A body that is no JSON, though the status was 200: often a login page."""
    kind = "an HTML page" if document.lstrip().startswith("<") else "something that is not JSON"
    return Broken(f"{shown(address)} answered with {kind}: is this the address of Prometheus?")


def refused(address: str, text: str) -> Broken:
    """An answer other than 200, from the text that the library makes of it."""
    found = _REFUSED.match(text)
    if found is None:
        return Broken(f"{shown(address)} refused the query: {_excerpt(text)}")
    status, body = int(found[1]), _decoded(found[2])
    if status in _UNAUTHORIZED:
        return Broken(f"{shown(address)} did not accept the operator's credentials (HTTP {status})")
    why = f"{shown(address)} refused the query (HTTP {status}): {_reason(body)}"
    return Broken(why, invalid=status == _BAD_REQUEST)


def no_address() -> Broken:
    return Broken("no Prometheus address is configured for the operator")


def late(address: str, timeout_seconds: float) -> Broken:
    return Broken(f"{shown(address)} did not answer within {timeout_seconds:g} s")


def under_way(address: str) -> Unasked:
    return Unasked(f"{shown(address)} has not answered yet")


def in_the_line(address: str) -> Unasked:
    return Unasked(f"{shown(address)} is busy with other queries")


def too_many_addresses(address: str, most: int) -> Broken:
    return Broken(
        f"{shown(address)} was not queried: queries to {most} other addresses are in progress"
    )


def redirected(address: str, target: str) -> Broken:
    return Broken(f"{shown(address)} redirects to {shown(target)}; redirects are not followed")


def too_large(address: str, most_bytes: int) -> Broken:
    return Broken(
        f"{shown(address)} answered with more than {most_bytes / 2**20:g} MiB; aggregate the query"
    )


def no_room(address: str, most_bytes: int) -> Broken:
    return Broken(
        f"{shown(address)} could not be read: other answers of {most_bytes / 2**20:g} MiB are "
        "being read"
    )


def too_many(most: int) -> Broken:
    return Broken(f"the query yields more than {most:,} series; aggregate it")


def unresolved(address: str) -> Broken:
    return Broken(f"{shown(address)} cannot be reached: its host name does not resolve")


def nobody_listens(address: str) -> Broken:
    return Broken(f"{shown(address)} refused the connection: nothing listens there")


def disconnected(address: str, why: str) -> Broken:
    return Broken(f"{shown(address)} broke the connection: {_excerpt(why)}")


def shown(address: str) -> str:
    """The address as it may be read by everybody: without credentials, path and query."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "the address of Prometheus"
    where = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{where}{f':{port}' if port else ''}"


def _scalar(text: str, address: str) -> Answer:
    value = number(text)
    if value is None:
        return Broken(f"{shown(address)} answered with text, not a number: {_excerpt(text)}")
    return Reply((Series(value),))


def _vector(result: Sequence[object], address: str) -> Answer:
    """Every series, or what is wrong with the first that is none."""
    series = tuple(it for it in result if isinstance(it, Series))
    if len(series) == len(result):
        return Reply(series)
    return next((it for it in result if isinstance(it, Broken)), unknown_shape(address))


def _decoded(literal: str) -> str:
    """The text behind a bytes literal such as ``b'{"status": …}'``."""
    try:
        body = ast.literal_eval(literal)
    except (ValueError, SyntaxError, MemoryError):
        return literal
    return body.decode(errors="replace") if isinstance(body, bytes) else literal


def _reason(body: str) -> str:
    try:
        said = json.loads(body)
    except ValueError:
        return "an HTML page" if body.lstrip().startswith("<") else _excerpt(body) or "no reason"
    match said:
        case {"errorType": str(kind), "error": str(why)}:
            return f"{kind}: {_excerpt(why)}"
        case {"error": str(why)}:
            return _excerpt(why)
        case _:
            return _excerpt(body)


def _excerpt(text: str) -> str:
    return cut(" ".join(text.split()), _EXCERPT)
