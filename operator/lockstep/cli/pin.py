"""`lockstep pin`: tags become digests, in place; layout and comments stay as they are.

Finding and editing are pure; files and registries are touched by clients.
"""

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from lockstep.adapters import oci
from lockstep.adapters.oci import Digest, Reference, Resolution, Unresolved
from lockstep.api.base import GROUP, HOW_TO_PIN, is_pinned
from lockstep.api.model_deployment import KIND
from lockstep.clients import files
from lockstep.clients.files import Unusable
from lockstep.clients.oci_registry import RegistryClient

_AT_ONCE: Final = 8
_NULL: Final = "tag:yaml.org,2002:null"
_MERGE: Final = "tag:yaml.org,2002:merge"
_PATHS: Final = (
    ("spec", "model", "artifact"),
    ("spec", "template", "spec", "containers", "*", "image"),
    ("spec", "template", "spec", "initContainers", "*", "image"),
    ("spec", "template", "spec", "volumes", "*", "image", "reference"),
)


@dataclass(frozen=True, slots=True)
class Spot:
    """A reference in a file: where it stands, without its quotes. ``line`` counts from 1."""

    line: int
    start: int
    end: int
    image: str

    @property
    def is_pinned(self) -> bool:
        return is_pinned(self.image)


@dataclass(frozen=True, slots=True)
class Mistake:
    """What keeps a file from being pinned, and on which line."""

    line: int
    why: str


def find(text: str) -> tuple[tuple[Spot, ...], tuple[Mistake, ...]]:
    """Every reference in the ModelDeployments of a YAML file, in the order of the file."""
    try:
        documents = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        return (), (_not_yaml(text, error),)
    except RecursionError:
        return (), (Mistake(1, "nests too deep to be read; is it a manifest?"),)
    for document in documents:
        endless = _endless(document)
        if endless is not None:
            why = "contains itself by an alias, which no cluster can read; correct it first"
            return (), (Mistake(endless.start_mark.line + 1, f"what stands here {why}"),)
    # An anchor's node is met again at every alias, but it is written once.
    nodes = {
        node.end_mark.index: node
        for document in documents
        for deployment in _deployments(document)
        for path in _PATHS
        for node in _at(deployment, path)
        if isinstance(node, yaml.ScalarNode) and node.value and node.tag != _NULL
    }
    found = [_spot(text, nodes[index]) for index in sorted(nodes)]
    spots = tuple(each for each in found if isinstance(each, Spot))
    return spots, tuple(each for each in found if isinstance(each, Mistake))


def _not_yaml(text: str, error: yaml.YAMLError) -> Mistake:
    match error:
        case yaml.MarkedYAMLError(problem=said, problem_mark=yaml.Mark(line=above)):
            pass
        case yaml.reader.ReaderError(reason=said, position=int(index)):
            above = text.count("\n", 0, index)
        case _:
            said, above = error, 0
    return Mistake(above + 1, f"this is not YAML: {said}; correct it first")


def _endless(document: yaml.Node | None) -> yaml.Node | None:
    """A node that stands in itself, if any does. Each is looked at once, however often named."""
    above: set[yaml.Node] = set()
    done: set[yaml.Node] = set()
    rest = [document] if document else []
    while rest:
        node = rest[-1]
        if node in above or node in done:
            rest.pop()
            above.discard(node)
            done.add(node)
            continue
        above.add(node)
        for inner in _inside(node):
            if inner in above:
                return inner
            rest.append(inner)
    return None


def _inside(node: yaml.Node) -> Sequence[yaml.Node]:
    match node:
        case yaml.MappingNode(value=pairs):
            return [inner for pair in pairs for inner in pair]
        case yaml.SequenceNode(value=entries):
            return list(entries)
        case _:
            return ()


def _deployments(document: yaml.Node) -> Iterator[yaml.Node]:
    """The ModelDeployments of a document: itself, or what stands in a List, each once."""
    rest, seen = [document], set()
    while rest:
        node = rest.pop(0)
        if node in seen:
            continue
        seen.add(node)
        kind, version = _text(node, "kind"), _text(node, "apiVersion")
        if kind == "List":
            rest = [*_at(node, ("items", "*")), *rest]
        elif kind == KIND and version.startswith(f"{GROUP}/"):
            yield node


def _text(mapping: yaml.Node, name: str) -> str:
    scalars = (node for node in _at(mapping, (name,)) if isinstance(node, yaml.ScalarNode))
    return next((str(node.value) for node in scalars), "")


def _at(node: yaml.Node, path: Sequence[str]) -> Iterator[yaml.Node]:
    """What stands at ``path``; a star is every entry of a list."""
    match path, node:
        case [], _:
            yield node
        case ["*", *rest], yaml.SequenceNode(value=entries):
            for entry in entries:
                yield from _at(entry, rest)
        case [name, *rest], yaml.MappingNode():
            for inner in _values(node, name):
                yield from _at(inner, rest)
                return
        case _:
            return


def _values(mapping: yaml.MappingNode, name: str) -> Iterator[yaml.Node]:
    """The values of a key, the one that counts first: its own before what is merged with `<<`."""
    rest: list[yaml.Node] = [mapping]
    seen: set[yaml.Node] = set()
    while rest:
        node = rest.pop(0)
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, yaml.SequenceNode):
            rest = [*node.value, *rest]
        elif isinstance(node, yaml.MappingNode):
            yield from (value for key, value in node.value if key.value == name)
            rest = [*(value for key, value in node.value if key.tag == _MERGE), *rest]


def _spot(text: str, node: yaml.ScalarNode) -> Spot | Mistake:
    """Where a scalar's text is. Counted from its end: an anchor may stand before it."""
    image, line = str(node.value), node.end_mark.line + 1
    end = node.end_mark.index - (1 if node.style else 0)
    start = end - len(image)
    if text[start:end] != image or node.style in {"|", ">"}:
        why = "is written with escapes or over several lines; put it on one"
        return Mistake(node.start_mark.line + 1, f"{image.strip()} {why}")
    return Spot(line, start, end, image)


def edit(text: str, spots: Sequence[Spot], digests: Mapping[str, Digest]) -> str:
    """``text`` with ``@digest`` behind every reference that has one."""
    pieces, done = [], 0
    for spot in spots:
        if spot.image in digests:
            pieces += [text[done : spot.end], "@", digests[spot.image].text]
            done = spot.end
    return "".join((*pieces, text[done:]))


def wanted(spots: Sequence[Spot]) -> dict[str, Reference | Unresolved]:
    """What has to be asked for, by image as written; or why it cannot be."""
    return {spot.image: _reference(spot.image) for spot in spots if not spot.is_pinned}


def _reference(image: str) -> Reference | Unresolved:
    if "@" in image:
        return Unresolved(
            "what follows the @ is not sha256: and 64 hex digits; correct or remove it"
        )
    return oci.parse(image) or Unresolved("this is not an image reference such as host/name:tag")


@dataclass(frozen=True, slots=True)
class Opened:
    """A file and what was found in it."""

    path: Path
    text: str
    spots: tuple[Spot, ...] = ()
    mistakes: tuple[Mistake, ...] = ()

    @property
    def loose(self) -> tuple[Spot, ...]:
        """Those that a tag may move."""
        return tuple(spot for spot in self.spots if not spot.is_pinned)


def check(paths: Sequence[Path]) -> int:
    """Name every reference that is not pinned, and change nothing; the exit status."""
    status = 0
    for file in map(_open, paths):
        loose = [Mistake(spot.line, f"{spot.image}: {HOW_TO_PIN}") for spot in file.loose]
        for mistake in (*file.mistakes, *loose):
            _complain(file.path, mistake)
            status = 1
    return status


def pin(paths: Sequence[Path], plain_http: frozenset[str]) -> int:
    """Pin every reference in the files; a file with a mistake stays as it is. The exit status."""
    opened = [_open(path) for path in paths]
    asked = wanted([spot for file in opened for spot in file.loose])
    resolved = asyncio.run(_resolve(asked, plain_http))
    return max([_write(file, resolved) for file in opened], default=0)


def _open(path: Path) -> Opened:
    text = files.read(path)
    if isinstance(text, Unusable):
        return Opened(path, "", (), (Mistake(0, text.why),))
    return Opened(path, text, *find(text))


def _write(file: Opened, resolved: Mapping[str, Resolution]) -> int:
    digests = {image: found for image, found in resolved.items() if isinstance(found, Digest)}
    mistakes = [*file.mistakes, *_unresolved(file, resolved)]
    if not mistakes and file.loose:
        failed = files.replace(file.path, edit(file.text, file.spots, digests))
        mistakes += [Mistake(0, failed.why)] if failed else []
    for mistake in mistakes:
        _complain(file.path, mistake)
    if mistakes:
        return 1
    for spot in file.loose:
        print(f"{file.path}:{spot.line}: {spot.image}@{digests[spot.image].text}")
    already = len(file.spots) - len(file.loose)
    print(f"{file.path}: {len(file.loose)} pinned, {already} pinned already")
    return 0


def _unresolved(file: Opened, resolved: Mapping[str, Resolution]) -> Iterator[Mistake]:
    for spot in file.loose:
        match resolved[spot.image]:
            case Unresolved(why):
                yield Mistake(spot.line, f"{spot.image}: {why}")
            case Digest():
                pass


def _complain(path: Path, mistake: Mistake) -> None:
    where = f"{path}:{mistake.line}" if mistake.line else f"{path}"
    print(f"{where}: {mistake.why}", file=sys.stderr)


async def _resolve(
    asked: Mapping[str, Reference | Unresolved], plain_http: frozenset[str]
) -> dict[str, Resolution]:
    async with RegistryClient(
        user_agent="lockstep-pin", plain_http=plain_http, logins=_logins()
    ) as client:
        return await resolve(client, asked)


def _logins() -> str:
    """What `docker login` keeps; nothing where nobody has logged in."""
    folder = os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
    config = files.read(Path(folder, "config.json"))
    return "" if isinstance(config, Unusable) else config


async def resolve(
    client: RegistryClient, asked: Mapping[str, Reference | Unresolved]
) -> dict[str, Resolution]:
    """Ask for all of them, a few at once."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(reference: Reference | Unresolved) -> Resolution:
        if isinstance(reference, Unresolved):
            return reference
        async with room:
            return await client.resolve(reference)

    answers = await asyncio.gather(*map(one, asked.values()))
    return dict(zip(asked, answers, strict=True))
