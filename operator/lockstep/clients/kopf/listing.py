"""Reads a list of the API server object by object. No more than one is held, whatever it weighs.

As text and parsed at once, five thousand objects of one MiB end the process; a label that anybody
may set decides what is listed.
"""

import codecs
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from lockstep.api.base import Manifest

_DECODER: Final = json.JSONDecoder()
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_BEGINS: Final = frozenset('{["-0123456789tfn')
_LARGEST: Final = 32 * 2**20
"""Characters of one object: the API server keeps none of a tenth of that."""
_EXCERPT: Final = 200

Take = Callable[[Manifest], None]


class NoListError(Exception):
    """It is no list; ``said`` is how it begins."""

    def __init__(self, said: str) -> None:
        super().__init__("not a list")
        self.said = said


async def read(chunks: AsyncIterator[bytes], take: Take) -> Manifest:
    """Hand every object of a list to ``take``; gives the metadata of the list itself.

    Raises:
        NoListError: It is none, perhaps to be seen after some of it was taken.
    """
    text = _Text(chunks)
    try:
        found = await _list(text, take)
    except (ValueError, RecursionError) as error:
        raise NoListError(text.began) from error
    metadata = found.get("metadata")
    if not isinstance(metadata, dict) or "items" not in found:
        raise NoListError(text.began)
    return metadata


async def _list(text: "_Text", take: Take) -> Manifest:
    found: Manifest = {}
    await text.expect("{")
    while await text.peek() != "}":
        name = await text.value()
        await text.expect(":")
        if name == "items":
            found[name] = await _items(text, take)
        else:
            found[str(name)] = await text.value()
        if await text.peek() == ",":
            await text.expect(",")
    return found


async def _items(text: "_Text", take: Take) -> int:
    """How many there are, each an object."""
    count = 0
    await text.expect("[")
    while await text.peek() != "]":
        item = await text.value()
        if not isinstance(item, dict) or "metadata" not in item:
            raise ValueError
        take(item)
        count += 1
        if await text.peek() == ",":
            await text.expect(",")
    await text.expect("]")
    return count


class _Text:
    """What has come and was not read yet."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self.began = ""
        self._chunks = chunks
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""
        self._at = 0
        self._ended = False

    async def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            found = _SPACE.match(self._rest, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._rest) or self._ended:
                return self._rest[self._at : self._at + 1]
            await self._more(1)

    async def expect(self, character: str) -> None:
        if await self.peek() != character:
            raise ValueError
        self._at += 1

    async def value(self) -> Any:  # noqa: ANN401 (whatever JSON there is)
        """The next value, read on until it is whole: twice as much each time, so not for ever."""
        if await self.peek() not in _BEGINS:
            raise ValueError
        while True:
            try:
                value, end = _DECODER.raw_decode(self._rest, self._at)
            except json.JSONDecodeError:
                if self._ended or len(self._rest) - self._at > _LARGEST:
                    raise
            else:
                if end < len(self._rest) or self._ended:  # else a number might go on
                    self._at = end
                    return value
            await self._more(max(len(self._rest) - self._at, 1))

    async def _more(self, count: int) -> None:
        parts, size = [self._rest[self._at :]], 0
        while size < count and not self._ended:
            chunk = await anext(self._chunks, None)
            self._ended = chunk is None
            part = self._decode(chunk or b"", final=self._ended)
            parts.append(part)
            size += len(part)
        self._rest, self._at = "".join(parts), 0
        self.began = self.began or self._rest[:_EXCERPT]
