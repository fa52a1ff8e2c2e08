"""The worst that one tenant can write, in every field: another tenant's passes are on time.

What the API server lets in is made here from the schemas: the longest texts and lists, texts that
mislead patterns, what nests; and pods that answer smoke tests late, without end, packed or deep.
Whatever it costs, it is measured beside the same passes of a quiet minute before: on a machine that
is slow or busy both are.
"""

import asyncio
import gzip
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from lockstep import handlers, wiring
from lockstep.api import crds
from lockstep.core.key import Key
from lockstep.core.rollout import planner
from lockstep.core.rollout.needs import Needs
from lockstep.core.rollout.observed import Observed
from lockstep.core.rollout.plan import Plan
from tests.apiserver import lab as labs
from tests.apiserver.api import GROUP, MERGE, Manifest, Refused
from tests.apiserver.conftest import Kubectl
from tests.apiserver.kubelet import Kubelet
from tests.apiserver.lab import DEADLINE, Lab, template
from tests.unit.api.generated import Schema, fields
from tests.unit.api.manifests import BLUE_GREEN, WHOLE, change

pytestmark = pytest.mark.apiserver

LATE_SECONDS = 1.0
POKES = 20
EVERY_SECONDS = 0.7
"""Longer than one pass that is rung for waits for the next."""


@dataclass(eq=False)
class Watched:
    """The planner, and when it first met each generation of each ModelDeployment."""

    met: dict[tuple[Key, int], float] = field(default_factory=dict)

    def needs(self, observed: Observed, now: datetime) -> Needs:
        return planner.needs(observed, now)

    def plan(self, observed: Observed, now: datetime) -> Plan:
        self.met.setdefault((observed.key, observed.generation), time.monotonic())
        return planner.plan(observed, now)


class WorstLab(Lab):
    thinking = Watched()
    edits = itertools.count(700)

    def start(self) -> None:
        self._stop = asyncio.Event()
        self._operator = asyncio.create_task(
            wiring.run(self.settings(), handlers.registry, self._stop, self.thinking)
        )


@asynccontextmanager
async def _answering() -> AsyncIterator[tuple[int, Counter[str]]]:
    """A pod's port that is asked by path for one of the worst answers, and how often it was."""
    asked: Counter[str] = Counter()
    bodies = {
        "/deep": b"[" * 120_000 + b"]" * 120_000,
        "/wide": b"[" + b"[[[0]]]," * 30_000 + b"0]",
        "/packed": gzip.compress(b" " * 200_000_000, 1),
        "/long": b"1" * 250_000,
    }

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split()[1].decode()
            asked[path] += 1
            packed = b"Content-Encoding: gzip\r\n" if path == "/packed" else b""
            writer.write(b"HTTP/1.1 200 OK\r\n" + packed + b"Connection: close\r\n\r\n")
            while path == "/endless":
                writer.write(b"x" * 65536)
                await writer.drain()
            while path == "/drip":
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.2)
            if path == "/hang":
                await asyncio.sleep(3600)
            writer.write(bodies.get(path, b"{}"))
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], asked


SMOKES = [
    *((path, "$..*[*][*][*]") for path in ("/deep", "/wide", "/packed", "/long", "/endless")),
    *((path, "$..*") for path in ("/drip", "/hang")),
    ("/deep", "$[?@.a=='x']"),
]
SILENT = [(path, "$..*") for path in ("/drip", "/hang")]
"""Asked of more pods than there are workers: if each held one, nobody else would have any."""
EACH = 40


def _longest(schema: Schema) -> Iterator[object]:
    """The worst values for one field that a schema may let in."""
    match schema:
        case {"type": "string", "maxLength": most}:
            for piece in ("{{ ", "a", "(a|a)*", "9", "..*", "[0,0]", "-a", "a.", "\u00e9", "[?@"):
                yield (piece * most)[:most]
                yield "$" + (piece * most)[: most - 1]
            yield "{{" + " " * (most - 2)
        case {"type": "array", "maxItems": most}:
            yield [{"name": f"n{number}"} for number in range(most)]
            yield [{}] * most
            yield [f"g{number}" for number in range(most)]
        case {"type": "object", "maxProperties": most} if most:
            yield {f"k{number}": "x" for number in range(most)}
        case {"type": "integer"}:
            yield schema.get("maximum", 2**31 - 1)
            yield schema.get("minimum", 0)
        case {"type": "number"}:
            yield 1e300
        case _:
            pass


def _nested(levels: int) -> object:
    inner: object = {}
    for _ in range(levels):
        inner = {"a": [inner]}
    return inner


SERVER = "spec.template.spec.containers[0]"
FREE: dict[str, dict[str, object]] = {
    "deep": {"spec.template.spec.affinity": _nested(100)},
    "wide": {f"{SERVER}.args": ["x" * 10] * 50_000},
    "variables": {f"{SERVER}.env": [{"name": f"V{n}", "value": "x"} for n in range(1024)]},
    "one-name": {f"{SERVER}.env": [{"name": "V", "value": f"{n}"} for n in range(1024)]},
    "many-variables": {f"{SERVER}.env": [{"name": f"V{n}"} for n in range(15_000)]},
    "a-year": {"spec.smokeTest.timeout": "8760h"},
    "five-descendants": {"spec.smokeTest.expect.jsonPath": "$..*..*..*..*..*"},
}


def _node(schema: Schema, path: str) -> Schema:
    for step in path.replace("[0]", ".[0]").split(".")[1:]:
        schema = schema["items"] if step == "[0]" else schema["properties"][step]
    return schema


def _worst() -> Iterator[Manifest]:
    """Objects of every kind of a namespace, each with the worst in one of its fields."""
    numbers = iter(range(1_000_000))
    for kind in (it for it in crds.KINDS if it.scope == "Namespaced"):
        schema = crds.described(kind.spec)
        for path in fields(schema, "spec"):
            around: dict[str, object] = {}
            if kind.kind == "ModelDeployment":
                around = {"spec.rollbackTo": "", "spec.replicas": 1}
            if "blueGreen" in path:
                around["spec.strategy"] = {"blueGreen": BLUE_GREEN}
            for value in _longest(_node(schema, path)):
                around["metadata.name"] = f"worst-{next(numbers)}"
                with suppress(KeyError, IndexError, TypeError):
                    yield change(WHOLE[kind.kind], {**around, path: value})
    for name, changes in FREE.items():
        around = {"metadata.name": f"worst-{name}", "spec.rollbackTo": ""}
        yield change(WHOLE["ModelDeployment"], {**around, **changes})


@pytest.fixture
async def tenants(
    api_server: Path,
    namespace: str,
    kubectl: Kubectl,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[WorstLab]:
    """Three more namespaces, of which all but the first have pods."""
    monkeypatch.setattr(labs, "Lab", WorstLab)
    async with labs.lab(api_server, namespace, tmp_path) as made:
        assert isinstance(made, WorstLab)
        made.neighbours = tuple(f"{namespace}-{it}" for it in ("worst", "smoked", "silent"))
        for neighbour in made.neighbours:
            kubectl("create", "namespace", neighbour)
            account = {"metadata": {"name": "default"}}
            await made.api("POST", f"/api/v1/namespaces/{neighbour}/serviceaccounts", account)
        kubelets = [Kubelet(made.api, it) for it in made.neighbours[1:]]
        playing = [asyncio.create_task(it.play()) for it in kubelets]
        made.start()
        yield made
        for it in playing:
            it.cancel()


async def _delays(world: WorstLab) -> list[float]:
    """How long after each of some edits of the canary a pass met it, in seconds."""
    found = []
    for _ in range(POKES):
        asked = {"spec": {"progressDeadline": f"{next(world.edits)}s"}}
        raw = await world.api("PATCH", world.path(), asked, MERGE)
        wrote = time.monotonic()
        known = Key("ModelDeployment", world.namespace, "fraud"), raw["metadata"]["generation"]
        async with asyncio.timeout(DEADLINE):
            while known not in world.thinking.met:
                world.check()
                await asyncio.sleep(0.005)
        found.append(max(0.0, world.thinking.met[known] - wrote))
        await asyncio.sleep(EVERY_SECONDS)
    return found


async def _write(world: WorstLab, namespace: str, manifests: Iterator[Manifest]) -> int:
    """Give the API server everything; how much of it was let in."""
    let_in = 0
    plurals = {kind.kind: kind.plural for kind in crds.KINDS}
    for manifest in manifests:
        path = f"{GROUP}/namespaces/{namespace}/{plurals[manifest['kind']]}"
        with suppress(Refused):
            await world.api("POST", path, manifest)
            let_in += 1
    return let_in


def _smoked(port: int, tests: Sequence[tuple[str, str]]) -> Iterator[Manifest]:
    for number in range(EACH):
        path, json_path = tests[number % len(tests)]
        yield change(
            WHOLE["ModelDeployment"],
            {
                "metadata.name": f"smoked-{number}",
                "spec.template": template("1.0.0"),
                "spec.replicas": 1,
                "spec.minReadySeconds": 0,
                "spec.service": {"targetPort": port},
                "spec.smokeTest": {
                    "path": path,
                    "timeout": "1m",
                    "expect": {"jsonPath": json_path},
                },
                "spec.rollbackTo": "",
                "spec.strategy": {"rolling": {}},
            },
        )


async def test_the_worst_that_a_tenant_may_write_makes_no_pass_of_another_late(
    tenants: WorstLab,
) -> None:
    world = tenants
    await world.apply("1.0.0", replicas=1)
    await world.healthy("1.0.0")
    quiet = await _delays(world)
    async with _answering() as (port, asked):
        worst, pods, silent = world.neighbours
        writing = asyncio.create_task(_write(world, worst, _worst()))
        smoked = await _write(world, silent, _smoked(port, SILENT))
        smoked += await _write(world, pods, _smoked(port, SMOKES))
        delays = await _delays(world)
        while not writing.done():
            delays += await _delays(world)
        delays += await _delays(world)
    let_in = await writing
    print(
        f"\n{let_in} let in, {smoked} with smoke tests; delays in seconds: quiet at most "
        f"{max(quiet):.2f}, worst {max(delays):.2f} of {len(delays)}"
    )
    assert smoked == 2 * EACH
    assert asked.keys() == {path for path, _ in SMOKES}, "each of the answers was given"
    assert let_in > 100
    assert max(delays) < max(quiet) + LATE_SECONDS
