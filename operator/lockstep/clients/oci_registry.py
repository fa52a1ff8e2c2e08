"""Asks OCI registries which digest a tag stands for. What answers mean is read in adapters."""

from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import aiohttp

from lockstep.adapters import oci
from lockstep.adapters.oci import Challenge, Reference, Resolution, Unresolved

_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)
_UNAUTHORIZED: Final = 401


@dataclass(slots=True, kw_only=True)
class RegistryClient:
    """A context: connections are kept until it ends.

    ``plain_http`` are hosts to be asked without TLS, beside this machine; ``logins`` is the text
    of a ``config.json`` as docker writes it.
    """

    user_agent: str
    plain_http: frozenset[str] = frozenset()
    logins: str = ""
    _session: aiohttp.ClientSession = field(init=False)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=_TIMEOUT,
            headers={"User-Agent": self.user_agent, "Accept-Encoding": "identity"},
            trust_env=True,
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def resolve(self, reference: Reference) -> Resolution:
        """The digest of ``reference`` now."""
        try:
            return await self._resolve(reference)
        except TimeoutError:
            return Unresolved(f"{reference.server} did not answer within 30 s; try again later")
        except (aiohttp.ClientError, OSError) as error:
            hint = "" if self._is_plain(reference) else " (plain HTTP needs --plain-http <host>)"
            return Unresolved(f"{reference.server} could not be reached: {error}{hint}")

    async def _resolve(self, reference: Reference) -> Resolution:
        answer = await self._look(reference, {})
        if not isinstance(answer, Challenge):
            return answer
        authorization = await self._authorization(reference, answer)
        if isinstance(authorization, Unresolved):
            return authorization
        answer = await self._look(reference, {"Authorization": authorization})
        if isinstance(answer, Challenge):
            return oci.refused(reference, _UNAUTHORIZED)
        return answer

    async def _look(self, reference: Reference, headers: dict[str, str]) -> Resolution | Challenge:
        """Ask for the manifest's head, and for all of it where the head does not say the digest."""
        url = f"{self._base(reference)}/v2/{reference.repository}/manifests/{reference.tag}"
        asked = {"Accept": oci.MANIFESTS, **headers}
        async with self._session.head(url, headers=asked, allow_redirects=True) as response:
            if response.status == _UNAUTHORIZED:
                return oci.challenge(response.headers.get("WWW-Authenticate", ""))
            known = oci.digest(reference, response.status, response.headers)
        if known is not None:
            return known
        async with self._session.get(url, headers=asked) as response:
            body = await _whole(response, oci.LARGEST_MANIFEST_BYTES)
            known = oci.digest(reference, response.status, response.headers)
            return oci.agreed(reference, known, body)

    async def _authorization(self, reference: Reference, wanted: Challenge) -> str | Unresolved:
        login = oci.login(self.logins, reference.host)
        match wanted.scheme:
            case "bearer":
                return await self._token(reference, wanted, login)
            case "basic" if login:
                return f"Basic {login}"
            case _:
                return oci.refused(reference, _UNAUTHORIZED)

    async def _token(
        self, reference: Reference, wanted: Challenge, login: str | None
    ) -> str | Unresolved:
        if not (wanted.realm.startswith("https://") or self._is_plain(reference)):
            return Unresolved(
                f"{reference.server} requires sending the login to {wanted.realm} without TLS"
            )
        headers = {"Authorization": f"Basic {login}"} if login else {}
        query = {
            "service": wanted.service,
            "scope": wanted.scope or f"repository:{reference.repository}:pull",
        }
        async with self._session.get(wanted.realm, params=query, headers=headers) as response:
            body = await _whole(response, oci.LARGEST_TOKEN_BYTES)
            answer = oci.token(response.status, body)
        return answer if isinstance(answer, Unresolved) else f"Bearer {answer}"

    def _base(self, reference: Reference) -> str:
        return f"{'http' if self._is_plain(reference) else 'https'}://{reference.server}"

    def _is_plain(self, reference: Reference) -> bool:
        return oci.is_loopback(reference.host) or reference.host in self.plain_http


async def _whole(response: aiohttp.ClientResponse, largest: int) -> bytes:
    """All of an answer, in however many pieces it comes; of one that is larger, one byte more."""
    body = bytearray()
    async for piece in response.content.iter_chunked(65536):
        body += piece
        if len(body) > largest:
            break
    return bytes(body[: largest + 1])
