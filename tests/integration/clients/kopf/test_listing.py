"""Lists are read object by object, however they are cut and whatever they weigh."""

import json
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lockstep.api.base import Manifest
from lockstep.clients.kopf.listing import NoListError, read

METADATA = {"resourceVersion": "7", "continue": ""}


def thing(name: str, **more: Any) -> Manifest:
    return {"metadata": {"name": name}, **more}


async def cut(body: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


async def taken(body: bytes, size: int = 7) -> tuple[Manifest, list[Manifest]]:
    found: list[Manifest] = []
    return await read(cut(body, size), found.append), found


TRICKY = [
    thing("braces", text='}]{["\\"', deep=[[{"a": [1, 2.5, -3e7, True, None]}]]),
    thing("Ünïcode 💥", number=12345678901234567890),
    {"metadata": {}},
]
LISTS: dict[str, tuple[dict[str, Any], list[Manifest]]] = {
    "objects": ({"kind": "PodList", "metadata": METADATA, "items": TRICKY}, TRICKY),
    "metadata that comes last": ({"items": TRICKY, "kind": "List", "metadata": METADATA}, TRICKY),
    "none": ({"metadata": METADATA, "items": []}, []),
}


@pytest.mark.parametrize("size", [1, 2, 3, 64, 10**6])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(("body", "items"), LISTS.values(), ids=LISTS)
async def test_a_list_however_it_is_cut(
    body: dict[str, Any], items: list[Manifest], size: int, indent: int | None
) -> None:
    for ascii_only in (True, False):
        text = json.dumps(body, indent=indent, ensure_ascii=ascii_only)
        assert await taken(text.encode(), size) == (METADATA, items)


NO_LISTS: dict[str, str] = {
    "nothing": "",
    "HTML": "<html>Log in</html>",
    "a list of lists": "[]",
    "no items": '{"metadata": {}}',
    "null": '{"metadata": {}, "items": null}',
    "no metadata": '{"items": []}',
    "metadata that is none": '{"metadata": 7, "items": []}',
    "items that are none": '{"metadata": {}, "items": {"a": 1}}',
    "an item that is none": '{"metadata": {}, "items": [7]}',
    "an item without metadata": '{"metadata": {}, "items": [{"a": 1}]}',
    "cut in an item": '{"metadata": {}, "items": [{"metadata": {}}, {"meta',
    "cut between items": '{"metadata": {}, "items": [{"metadata": {}},',
    "cut before its end": '{"metadata": {}, "items": [{"metadata": {}}]',
    "brackets beyond reason": '{"metadata": {}, "items": [' + "[" * 200_000,
    "a name that is none": "{7: 8}",
}


@pytest.mark.parametrize("text", NO_LISTS.values(), ids=NO_LISTS)
async def test_what_is_no_list_says_how_it_begins(text: str) -> None:
    with pytest.raises(NoListError) as refused:
        await taken(text.encode(), 4096)
    assert refused.value.said == text[:200]


async def test_no_more_than_one_object_is_held() -> None:
    """Forty of a mebibyte each: a label that anybody may set decides how many there are."""

    async def page() -> AsyncIterator[bytes]:
        yield b'{"metadata": {"resourceVersion": "7"}, "items": ['
        for number in range(40):
            large = json.dumps(thing(f"n{number}", data={"x": "y" * 2**20})).encode()
            for at in range(0, len(large), 2**16):
                yield large[at : at + 2**16]
            yield b"]}" if number == 39 else b","

    names: list[str] = []
    tracemalloc.start()
    await read(page(), lambda raw: names.append(raw["metadata"]["name"]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(names) == 40
    assert peak < 12 * 2**20, "as text alone they have 40 MiB"
