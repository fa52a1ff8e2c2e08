"""The walk through a registry's questions, against one that is played."""

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from lockstep.adapters.oci import Challenge, Digest, Reference, Resolution, Unresolved
from lockstep.clients.oci_registry import RegistryClient

MANIFEST = b'{"schemaVersion": 2}'
DIGEST = "sha256:" + hashlib.sha256(MANIFEST).hexdigest()
ALICE = base64.b64encode(b"alice:secret").decode()


@dataclass
class Played:
    """A registry. ``wants``: what it asks callers for; ``names``: does it say digests itself?

    ``lies``: the digest that it says beside a manifest; ``endless``: its token has no end.
    """

    wants: str = ""
    realm: str = ""
    names: bool = True
    tokens: int = 200
    lies: str = ""
    endless: bool = False
    heard: list[str] = field(default_factory=list)

    async def manifest(self, request: web.Request) -> web.StreamResponse:
        said = request.headers.get("Authorization", "")
        self.heard.append(f"{request.method} {said}".strip())
        assert "image.index" in request.headers["Accept"]
        if self.wants and said not in {"Bearer t", f"Basic {ALICE}"}:
            asked = f'{self.wants} realm="{self.realm}",service="played",scope="repository:a:pull"'
            return web.Response(status=401, headers={"WWW-Authenticate": asked})
        headers = {"Docker-Content-Digest": DIGEST} if self.names else {}
        if request.method == "HEAD":
            return web.Response(body=MANIFEST, headers=headers)
        headers = {"Docker-Content-Digest": self.lies} if self.lies else {}
        answer = web.StreamResponse(headers=headers)
        await answer.prepare(request)
        for piece in (MANIFEST[:5], MANIFEST[5:]):
            await answer.write(piece)
            await asyncio.sleep(0.01)
        return answer

    async def token(self, request: web.Request) -> web.StreamResponse:
        said = request.headers.get("Authorization", "")
        self.heard.append(f"token {request.query_string} {said}".strip())
        if self.endless:
            answer = web.StreamResponse()
            await answer.prepare(request)
            with contextlib.suppress(OSError):
                while True:
                    await answer.write(b" " * 65536)
        return web.json_response({"token": "t"}, status=self.tokens)


@asynccontextmanager
async def playing(played: Played) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/v2/a/manifests/1", played.manifest)
    app.router.add_get("/token", played.token)
    async with TestServer(app) as server:
        played.realm = played.realm or f"http://127.0.0.1:{server.port}/token"
        yield f"127.0.0.1:{server.port}"


ASKED = "token service=played&scope=repository:a:pull"
WALKS: dict[str, tuple[Played, bool, list[str]]] = {
    "a registry for everybody": (Played(), False, ["HEAD"]),
    "a digest that is not said is worked out": (Played(names=False), False, ["HEAD", "GET"]),
    "a token for anybody": (Played(wants="Bearer"), False, ["HEAD", ASKED, "HEAD Bearer t"]),
    "a token for a login": (
        Played(wants="Bearer"), True, ["HEAD", f"{ASKED} Basic {ALICE}", "HEAD Bearer t"]),
    "a password": (Played(wants="Basic"), True, ["HEAD", f"HEAD Basic {ALICE}"]),
}  # fmt: skip


async def resolve(played: Played, *, knows_alice: bool) -> Resolution:
    async with playing(played) as host:
        logins = f'{{"auths": {{"{host}": {{"auth": "{ALICE}"}}}}}}' if knows_alice else ""
        async with RegistryClient(user_agent="test", logins=logins) as client:
            return await client.resolve(Reference(host, "a", "1"))


@pytest.mark.parametrize(("played", "knows_alice", "heard"), WALKS.values(), ids=WALKS)
async def test_the_walk(*, played: Played, knows_alice: bool, heard: list[str]) -> None:
    assert await resolve(played, knows_alice=knows_alice) == Digest(DIGEST)
    assert played.heard == heard


REFUSALS: dict[str, tuple[Played, str]] = {
    "a password that nobody has": (Played(wants="Basic"), "denied access (HTTP 401)"),
    "a question that nobody knows": (Played(wants="Riddle"), "denied access (HTTP 401)"),
    "no token": (Played(wants="Bearer", tokens=500), "its token server issued no token"),
    "a token without end": (
        Played(wants="Bearer", endless=True),
        "its token server issued no token (HTTP 200)",
    ),
    "a digest beside another manifest": (
        Played(names=False, lies=f"sha256:{'0' * 64}"),
        f"says the digest is sha256:{'0' * 64} but sends {DIGEST}; try again",
    ),
}


@pytest.mark.parametrize(("played", "why"), REFUSALS.values(), ids=REFUSALS)
async def test_refusals(played: Played, why: str) -> None:
    got = await resolve(played, knows_alice=False)
    assert isinstance(got, Unresolved)
    assert why in got.why


async def test_a_login_is_never_sent_in_clear_to_a_third_party() -> None:
    """A registry behind TLS could otherwise have a password sent anywhere."""
    client = RegistryClient(user_agent="test")
    async with playing(Played(wants="Bearer")) as host, client:
        wanted = Reference("r.test", "a", "1")
        got = await client._token(wanted, Challenge("bearer", f"http://{host}/token"), ALICE)
    assert isinstance(got, Unresolved)
    assert "without TLS" in got.why


async def test_a_host_that_is_not_there_is_named() -> None:
    async with playing(Played()) as host:
        pass
    async with RegistryClient(user_agent="test") as client:
        got = await client.resolve(Reference(host, "a", "1"))
    assert isinstance(got, Unresolved)
    assert got.why.startswith(f"{host} could not be reached: ")


async def test_a_host_that_may_speak_plain_http_is_told_how() -> None:
    async with playing(Played()) as host, RegistryClient(user_agent="test") as client:
        elsewhere = host.replace("127.0.0.1", "127.1")  # not known as this machine by its name
        got = await client.resolve(Reference(elsewhere, "a", "1"))
    assert isinstance(got, Unresolved)
    assert got.why.endswith("(plain HTTP needs --plain-http <host>)")


BASES: dict[str, str] = {
    "127.0.0.1:5000": "http://127.0.0.1:5000",
    "localhost": "http://localhost",
    "plain.test:5000": "http://plain.test:5000",
    "plain.test": "https://plain.test",
    "r.test:5000": "https://r.test:5000",
}


@pytest.mark.parametrize(("host", "base"), BASES.items())
def test_plain_http_is_spoken_where_it_is_allowed_and_nowhere_else(host: str, base: str) -> None:
    client = RegistryClient(user_agent="test", plain_http=frozenset({"plain.test:5000"}))
    assert client._base(Reference(host, "a", "1")) == base
