"""Makes the certificates of a cluster with openssl: an authority for ten years, leaves for one."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.shell import run, succeeds

AUTHORITY_DAYS = 3650
LEAF_DAYS = 365
RENEW_SECONDS = 30 * 24 * 3600
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate for one identity; ``names`` as openssl writes them: ``IP:127.0.0.1``."""

    name: str
    subject: str
    names: tuple[str, ...] = ()


def extensions(leaf: Leaf) -> str:
    """What openssl is to write into the certificate of ``leaf``."""
    lines = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature"]
    usage = "serverAuth,clientAuth" if leaf.names else "clientAuth"
    lines.append(f"extendedKeyUsage={usage}")
    if leaf.names:
        lines.append(f"subjectAltName={','.join(leaf.names)}")
    return "\n".join(lines) + "\n"


def issue(folder: Path, leaves: Sequence[Leaf]) -> None:
    """See to it that authority, service-account keys and ``leaves`` are in ``folder`` and last."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = folder / "ca.crt"
    if not _lasts(authority):
        _authority(folder)
    if not (folder / "sa.key").exists():
        _service_account_keys(folder)
    for leaf in leaves:
        told = folder / f"{leaf.name}.ext"
        same = told.exists() and told.read_text() == leaf.subject + "\n" + extensions(leaf)
        if not same or not _lasts(folder / f"{leaf.name}.crt"):
            _leaf(folder, leaf)


def _lasts(certificate: Path) -> bool:
    asked = ["openssl", "x509", "-noout", "-checkend", str(RENEW_SECONDS), "-in", certificate]
    return certificate.exists() and succeeds(asked)


def _authority(folder: Path) -> None:
    for old in folder.glob("*.crt"):
        old.unlink()  # leaves of another authority are worth nothing
    run(
        [
            "openssl",
            "req",
            "-x509",
            *NEW_KEY,
            "-days",
            str(AUTHORITY_DAYS),
            "-subj",
            "/CN=lockstep",
            "-keyout",
            folder / "ca.key",
            "-out",
            folder / "ca.crt",
        ],
        what="making the cluster's certificate authority",
    )


def _service_account_keys(folder: Path) -> None:
    what = "making the keys of service accounts"
    key, public = folder / "sa.key", folder / "sa.pub"
    run(["openssl", "genrsa", "-out", key, "2048"], what=what)
    run(["openssl", "rsa", "-in", key, "-pubout", "-out", public], what=what)


def _leaf(folder: Path, leaf: Leaf) -> None:
    what, told = f"making the certificate of {leaf.name}", folder / f"{leaf.name}.ext"
    certificate = folder / f"{leaf.name}.crt"
    wanted = run(
        [
            "openssl",
            "req",
            "-new",
            *NEW_KEY,
            "-subj",
            leaf.subject,
            "-keyout",
            folder / f"{leaf.name}.key",
        ],
        what=what,
    )
    wish = folder / f".{leaf.name}.ext"
    wish.write_text(extensions(leaf))
    run(
        [
            "openssl",
            "x509",
            "-req",
            "-CA",
            folder / "ca.crt",
            "-CAkey",
            folder / "ca.key",
            "-set_serial",
            f"0x{secrets.token_hex(16)}",
            "-days",
            str(LEAF_DAYS),
            "-extfile",
            wish,
            "-out",
            certificate,
        ],
        what=what,
        stdin=wanted,
    )
    wish.unlink()
    told.write_text(leaf.subject + "\n" + extensions(leaf))
