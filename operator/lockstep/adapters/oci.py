"""Image references and the registry's answers in our words; the wire is in clients.oci_registry."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
MANIFESTS: Final = (
    "application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)
LARGEST_MANIFEST_BYTES: Final = 4 * 1024 * 1024
LARGEST_TOKEN_BYTES: Final = 64 * 1024

# What every tool for containers reads into a reference without a host.
_DEFAULT_HOST: Final = "docker.io"
_DEFAULT_SERVER: Final = "registry-1.docker.io"
_DEFAULT_LOGIN: Final = "https://index.docker.io/v1/"
_PART: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE: Final = re.compile(
    rf"(?:(?P<host>localhost(?::\d+)?|[A-Za-z0-9.-]+:\d+|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
    rf"|\[[0-9A-Fa-f:]+\](?::\d+)?)/)?"
    rf"(?P<repository>{_PART}(?:/{_PART})*)(?::(?P<tag>\w[\w.-]{{0,127}}))?",
    re.ASCII,
)
_PARAMETER: Final = re.compile(r'\b(\w{1,64})="([^"]*)"')
_LOOPBACK: Final = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?")


@dataclass(frozen=True, slots=True)
class Reference:
    """An image as a registry knows it."""

    host: str
    repository: str
    tag: str

    @property
    def server(self) -> str:
        """Who is asked; for one host that is somebody else."""
        return _DEFAULT_SERVER if self.host == _DEFAULT_HOST else self.host


@dataclass(frozen=True, slots=True)
class Digest:
    """What a tag stands for at this moment: ``sha256:`` and 64 hex digits."""

    text: str


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Why there is no digest and what to do about it, as the end of a sentence."""

    why: str


Resolution = Digest | Unresolved


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a registry wants to see first: Basic or Bearer, and where a token is made."""

    scheme: str
    realm: str = ""
    service: str = ""
    scope: str = ""


def parse(image: str) -> Reference | None:
    """Read ``[host/]repository[:tag]``; None if it is not one."""
    found = _REFERENCE.fullmatch(image)
    if not found:
        return None
    host, repository, tag = found["host"], found["repository"], found["tag"] or "latest"
    if host is None or host == _DEFAULT_HOST:
        library = "" if "/" in repository else "library/"
        return Reference(_DEFAULT_HOST, library + repository, tag)
    return Reference(host, repository, tag)


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine, where plain HTTP is no risk."""
    return _LOOPBACK.fullmatch(host) is not None


def challenge(header: str) -> Challenge:
    """Read a ``WWW-Authenticate`` header."""
    scheme, _, rest = header.partition(" ")
    said = dict(_PARAMETER.findall(rest))
    return Challenge(
        scheme.lower(), said.get("realm", ""), said.get("service", ""), said.get("scope", "")
    )


def login(config: str, host: str) -> str | None:
    """What `docker login` wrote for ``host``: a value for Basic authorization."""
    try:
        auths = json.loads(config)["auths"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    names = (_DEFAULT_LOGIN,) if host == _DEFAULT_HOST else (host, f"https://{host}")
    entries = [auths.get(name) for name in names] if isinstance(auths, dict) else []
    for entry in entries:
        match entry:
            case {"auth": str(encoded)} if _is_login(encoded):
                return encoded
            case _:
                pass
    return None


def _is_login(encoded: str) -> bool:
    try:
        return b":" in base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return False


def token(status: int, body: bytes) -> str | Unresolved:
    """Read what a token server answered."""
    try:
        answer = json.loads(body[:LARGEST_TOKEN_BYTES])
    except (ValueError, RecursionError):
        answer = None
    match status, answer:
        case 200, {"token": str(text)} | {"access_token": str(text)} if text:
            return text
        case _:
            return Unresolved(f"its token server issued no token (HTTP {status}); {_LOG_IN}")


def digest(reference: Reference, status: int, headers: Mapping[str, str]) -> Resolution | None:
    """Read the answer to a request for a manifest; None if its body has to be looked at."""
    match status, headers.get("Docker-Content-Digest"):
        case 200, None:
            return None
        case 200, str(text) if DIGEST.fullmatch(text):
            return Digest(text)
        case 200, str(text):
            return Unresolved(
                f"{reference.server} named {text[:80]!r}, which is not a sha256 digest"
            )
        case _:
            return refused(reference, status)


def digest_of(manifest: bytes) -> Resolution:
    """The digest of a manifest whose registry did not say it."""
    if len(manifest) > LARGEST_MANIFEST_BYTES:
        return Unresolved("its manifest is larger than 4 MiB")
    return Digest(f"sha256:{hashlib.sha256(manifest).hexdigest()}")


def agreed(reference: Reference, said: Resolution | None, manifest: bytes) -> Resolution:
    """The digest of a manifest; where its registry has said one beside it, the two are equal."""
    found = digest_of(manifest)
    if isinstance(said, Digest) and isinstance(found, Digest) and said != found:
        return Unresolved(
            f"{reference.server} says the digest is {said.text} but sends {found.text}; try again, "
            "and check what is between you and the registry"
        )
    return found if said is None else said


_LOG_IN: Final = (
    "log in first (logins are read from `auths` in ~/.docker/config.json, not from its helpers)"
)
_TOO_MANY: Final = 429
_SICK: Final = 500


def refused(reference: Reference, status: int) -> Unresolved:
    """Why there is no digest when the registry answers with ``status``."""
    server = reference.server
    match status:
        case 401 | 403:
            return Unresolved(f"{server} denied access (HTTP {status}); {_LOG_IN}")
        case 404:
            name = f"{reference.repository}:{reference.tag}"
            return Unresolved(f"{server} has no {name} (HTTP 404); push it, or correct its name")
        case _ if status == _TOO_MANY or status >= _SICK:
            return Unresolved(f"{server} cannot answer now (HTTP {status}); try again later")
        case _:
            return Unresolved(f"{server} answered HTTP {status}; is it a registry?")
