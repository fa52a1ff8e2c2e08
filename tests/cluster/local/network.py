"""The local node's bridge, routes and kernel settings, and what must be gone after it.

Reading what the kernel says is pure; ``bring_up`` and ``take_down`` are the two effects.
"""

import ipaddress
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.cluster.control_plane import SERVICES
from tests.cluster.errors import ClusterError
from tests.cluster.local.layout import BRIDGE, INTERFACES, ISOLATED_PARENT, KEPT_IN, NODE
from tests.cluster.model import write
from tests.cluster.packages import find
from tests.cluster.shell import run, succeeds

LAST_RESORT = 4000  # a metric that loses against every route of ours
SETTINGS = {"net/ipv4/ip_forward": "1", "net/bridge/bridge-nf-call-iptables": "1"}
SYSCTL = Path("/proc/sys")
OURS = re.compile(r"^(KUBE|CNI)-")


def unreachable_routes() -> list[str]:
    """First up and last down: without a better route nothing for our ranges leaves the machine."""
    return [f"route replace unreachable {net} metric {LAST_RESORT}" for net in KEPT_IN]


def link_commands(present: Iterable[str]) -> list[str]:
    """``ip`` commands that make what is not ``present`` yet; each can be repeated."""
    commands = [f"link add {name} type bridge" for name in INTERFACES if name not in set(present)]
    return [
        *commands,
        f"addr replace {NODE}/24 dev {BRIDGE}",
        f"link set {BRIDGE} up",
        f"link set {ISOLATED_PARENT} addrgenmode none",
        f"link set {ISOLATED_PARENT} up",
        f"route replace {SERVICES} dev {BRIDGE}",  # calls to Services not yet programmed end here
    ]


def overlaps(routes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Routes of somebody else (``ip -json route``) into the ranges that we are about to take."""
    wanted = [ipaddress.ip_network(net) for net in KEPT_IN]
    return [
        str(route["dst"])
        for route in routes
        if route.get("dst", "default") != "default"
        and route.get("dev") not in INTERFACES
        and route.get("type") != "unreachable"
        and any(ipaddress.ip_network(route["dst"]).overlaps(net) for net in wanted)
    ]


def undo_chains(saved: str) -> str:
    """What to give ``iptables-restore --noflush`` so that no chain of ours is left.

    Args:
        saved: The output of ``iptables-save``.

    Returns:
        Per table: rules of others that jump to our chains go, then the chains. Rules that do not
        concern us are not touched. Empty when nothing of ours is there.
    """
    tables = re.findall(r"^\*(\w+)$(.*?)^COMMIT$", saved, re.MULTILINE | re.DOTALL)
    return "".join(_undo_table(name, body) for name, body in tables)


def _undo_table(name: str, body: str) -> str:
    chains = our_chains(body)
    if not chains:
        return ""
    jumps = [
        line.replace("-A", "-D", 1)
        for line in body.splitlines()
        if line.startswith("-A ")
        and not OURS.match(line.split()[1])
        and any(OURS.match(word) for word in re.findall(r"-[jg] (\S+)", line))
    ]
    emptied = [f":{chain} - [0:0]" for chain in chains]
    return "\n".join((f"*{name}", *emptied, *jumps, *(f"-X {c}" for c in chains), "COMMIT", ""))


def our_chains(saved: str) -> list[str]:
    """Chains of kube-proxy and of the CNI plugins in the output of ``iptables-save``."""
    named = re.findall(r"^:(\S+) ", saved, re.MULTILINE)
    return [chain for chain in named if OURS.match(chain)]


def bring_up(state: Path) -> None:
    """Make bridge, routes and settings what they should be. Repeating it is cheap and safe."""
    _ip(unreachable_routes())
    _remember_settings(state / "sysctl.json")
    for name, value in SETTINGS.items():
        (SYSCTL / name).write_text(value)
    _ip(link_commands(interfaces()))


def refuse_overlaps() -> None:
    """Raise ClusterError where the machine routes our ranges somewhere already."""
    if theirs := overlaps(json.loads(run(["ip", "-json", "route"], what="reading the routes"))):
        raise ClusterError(
            f"this machine has a route to {theirs[0]}, which overlaps the cluster's ranges "
            f"{' and '.join(KEPT_IN)}: take that network down first"
        )


def _remember_settings(file: Path) -> None:
    if not all((SYSCTL / name).exists() for name in SETTINGS):
        succeeds(["modprobe", "br_netfilter"])
    if not file.exists():
        write(file, json.dumps({name: (SYSCTL / name).read_text().strip() for name in SETTINGS}))


def take_down(state: Path) -> None:
    """Remove interfaces, chains and, last, the unreachable routes; put settings back."""
    for name in ours_among(interfaces()):
        for port in Path("/sys/class/net", name, "brif").glob("*"):
            succeeds(["ip", "link", "delete", port.name])
        succeeds(["ip", "link", "delete", name])
    for version in ("iptables", "ip6tables"):
        _remove_chains(version)
    _restore_settings(state / "sysctl.json")
    for net in KEPT_IN:
        succeeds(["ip", "route", "delete", "unreachable", net, "metric", str(LAST_RESORT)])


def _restore_settings(file: Path) -> None:
    if file.exists():
        for name, value in json.loads(file.read_text()).items():
            (SYSCTL / name).write_text(value)
        file.unlink()


def _remove_chains(version: str) -> None:
    if undo := undo_chains(saved_rules(version)):
        run([_program(f"{version}-restore"), "--noflush"], what="removing chains", stdin=undo)


def saved_rules(version: str = "iptables") -> str:
    if find(f"{version}-save") is None:
        return ""
    return run([_program(f"{version}-save")], what=f"reading {version} rules")


def _program(name: str) -> Path:
    found = find(name)
    if found is None:
        raise ClusterError(f"{name} is not here")
    return found


def interfaces() -> list[str]:
    return sorted(link.name for link in Path("/sys/class/net").iterdir())


def ours_among(names: Iterable[str]) -> list[str]:
    return [name for name in names if name in INTERFACES]


def _ip(commands: Sequence[str]) -> None:
    run(["ip", "-batch", "-"], what="setting up the pod network", stdin="\n".join(commands) + "\n")
