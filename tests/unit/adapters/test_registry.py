import base64
import json

import pytest

from lockstep.adapters import oci
from lockstep.adapters.oci import Challenge, Digest, Reference, Resolution, Unresolved

FRAUD = Reference("r.test", "ml/fraud", "1")
A_DIGEST = "sha256:" + "ab" * 32

REFERENCES: dict[str, tuple[str, Reference | None]] = {
    "all of it": ("r.test/ml/fraud:1", FRAUD),
    "no tag": ("r.test/fraud", Reference("r.test", "fraud", "latest")),
    "a port": ("r.test:5000/fraud:1", Reference("r.test:5000", "fraud", "1")),
    "a port on a short name": ("reg:5000/fraud", Reference("reg:5000", "fraud", "latest")),
    "this machine": ("localhost/fraud", Reference("localhost", "fraud", "latest")),
    "an address": ("127.0.0.1:5000/a/b:1", Reference("127.0.0.1:5000", "a/b", "1")),
    "an IPv6 address": ("[::1]:5000/a:1", Reference("[::1]:5000", "a", "1")),
    "no host, one word": ("python:3.11", Reference("docker.io", "library/python", "3.11")),
    "no host, two words": ("team/fraud", Reference("docker.io", "team/fraud", "latest")),
    "the default host by name": ("docker.io/a:1", Reference("docker.io", "library/a", "1")),
    "the longest tag": (f"r.test/a:{'t' * 128}", Reference("r.test", "a", "t" * 128)),
    "too long a tag": (f"r.test/a:{'t' * 129}", None),
    "capitals": ("r.test/Fraud", None),
    "a space": ("r.test/fraud :1", None),
    "a way out": ("r.test/../fraud", None),
    "a scheme": ("https://r.test/fraud", None),
    "an empty tag": ("r.test/fraud:", None),
    "a template": ("{{ .Values.image }}", None),
    "a line end": ("r.test/fraud\n", None),
}  # fmt: skip


@pytest.mark.parametrize(("image", "reference"), REFERENCES.values(), ids=REFERENCES)
def test_parse(image: str, reference: Reference | None) -> None:
    assert oci.parse(image) == reference


HOSTS: dict[str, bool] = {
    "localhost": True,
    "localhost:5000": True,
    "127.0.0.1": True,
    "127.8.9.10:80": True,
    "[::1]:5000": True,
    "127.0.0.1.example.com": False,
    "localhost.example.com": False,
    "10.0.0.1:5000": False,
}


@pytest.mark.parametrize(("host", "loopback"), HOSTS.items())
def test_loopback(*, host: str, loopback: bool) -> None:
    assert oci.is_loopback(host) is loopback


def test_one_host_is_served_by_another() -> None:
    assert Reference("docker.io", "library/python", "3").server != "docker.io"
    assert FRAUD.server == "r.test"


CHALLENGES: dict[str, tuple[str, Challenge]] = {
    "a token": (
        'Bearer realm="https://a.test/token",service="r.test",scope="repository:a:pull,push"',
        Challenge("bearer", "https://a.test/token", "r.test", "repository:a:pull,push"),
    ),
    "a password": ('Basic realm="registry"', Challenge("basic", "registry")),
    "nothing": ("", Challenge("")),
}


@pytest.mark.parametrize(("header", "wanted"), CHALLENGES.values(), ids=CHALLENGES)
def test_challenge(header: str, wanted: Challenge) -> None:
    assert oci.challenge(header) == wanted


ALICE = base64.b64encode(b"alice:secret").decode()
LOGINS: dict[str, tuple[str, str, str | None]] = {
    "a login": (json.dumps({"auths": {"r.test": {"auth": ALICE}}}), "r.test", ALICE),
    "a login with a scheme": (
        json.dumps({"auths": {"https://r.test": {"auth": ALICE}}}), "r.test", ALICE),
    "the default host": (
        json.dumps({"auths": {"https://index.docker.io/v1/": {"auth": ALICE}}}),
        "docker.io", ALICE),
    "another host": (json.dumps({"auths": {"r.test": {"auth": ALICE}}}), "r.test:5000", None),
    "kept by a helper": (json.dumps({"auths": {"r.test": {}}, "credsStore": "x"}), "r.test", None),
    "not base64": (json.dumps({"auths": {"r.test": {"auth": "%"}}}), "r.test", None),
    "no password": (json.dumps({"auths": {"r.test": {"auth": "YWxpY2U="}}}), "r.test", None),
    "no logins": (json.dumps({}), "r.test", None),
    "no file": ("", "r.test", None),
    "not JSON": ("{", "r.test", None),
    "another shape": ("[]", "r.test", None),
    "logins of another shape": (json.dumps({"auths": ["r.test"]}), "r.test", None),
}  # fmt: skip


@pytest.mark.parametrize(("config", "host", "login"), LOGINS.values(), ids=LOGINS)
def test_login(config: str, host: str, login: str | None) -> None:
    assert oci.login(config, host) == login


TOKENS: dict[str, tuple[int, bytes, str | None]] = {
    "a token": (200, b'{"token": "t"}', "t"),
    "by its other name": (200, b'{"access_token": "t", "expires_in": 60}', "t"),
    "both": (200, b'{"token": "t", "access_token": "other"}', "t"),
    "an empty one": (200, b'{"token": ""}', None),
    "a refusal": (401, b'{"errors": []}', None),
    "a token in an error": (500, b'{"token": "t"}', None),
    "HTML": (200, b"<html>", None),
    "a list": (200, b"[]", None),
}


@pytest.mark.parametrize(("status", "body", "token"), TOKENS.values(), ids=TOKENS)
def test_token(status: int, body: bytes, token: str | None) -> None:
    got = oci.token(status, body)
    if token is None:
        assert isinstance(got, Unresolved)
        assert f"(HTTP {status})" in got.why
    else:
        assert got == token


ANSWERS: dict[str, tuple[int, dict[str, str], Resolution | None]] = {
    "a digest": (200, {"Docker-Content-Digest": A_DIGEST}, Digest(A_DIGEST)),
    "no digest: look at the body": (200, {}, None),
    "another algorithm": (
        200, {"Docker-Content-Digest": "sha512:ab"},
        Unresolved("r.test named 'sha512:ab', which is not a sha256 digest")),
    "no such tag": (
        404, {}, Unresolved("r.test has no ml/fraud:1 (HTTP 404); push it, or correct its name")),
    "unauthorized": (401, {}, Unresolved(
        "r.test denied access (HTTP 401); log in first (logins are read from `auths` in "
        "~/.docker/config.json, not from its helpers)")),
    "forbidden": (403, {}, Unresolved(
        "r.test denied access (HTTP 403); log in first (logins are read from `auths` in "
        "~/.docker/config.json, not from its helpers)")),
    "too many requests": (
        429, {}, Unresolved("r.test cannot answer now (HTTP 429); try again later")),
    "unwell": (503, {}, Unresolved("r.test cannot answer now (HTTP 503); try again later")),
    "something else": (418, {}, Unresolved("r.test answered HTTP 418; is it a registry?")),
}  # fmt: skip


@pytest.mark.parametrize(("status", "headers", "answer"), ANSWERS.values(), ids=ANSWERS)
def test_digest(status: int, headers: dict[str, str], answer: Resolution | None) -> None:
    assert oci.digest(FRAUD, status, headers) == answer


def test_a_manifest_is_its_own_name() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert oci.digest_of(b"") == Digest(f"sha256:{empty}")


def test_a_manifest_is_not_read_without_end() -> None:
    manifest = bytes(oci.LARGEST_MANIFEST_BYTES + 1)
    assert oci.digest_of(manifest) == Unresolved("its manifest is larger than 4 MiB")
