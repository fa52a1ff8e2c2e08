"""What the API server wrote down about one client: requests by verb and resource, for a while."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

OURS = "lockstep-operator/"
FREE = {"watch", "leases"}
"""What an idle operator may do: keep its watches and its lease."""


def requests(
    lines: Iterable[str], since: datetime, until: datetime, agent: str = OURS
) -> Counter[str]:
    """Finished requests of ``agent``, as ``patch modeldeployments/status``.

    Args:
        lines: The audit log.
        since: When the first of them may have been received.
        until: Before when the last of them was.
        agent: How the client's user agent begins.
    """
    counted: Counter[str] = Counter()
    for line in lines:
        if agent not in line:
            continue
        entry = json.loads(line)
        at = datetime.fromisoformat(entry["requestReceivedTimestamp"])
        if since <= at < until and entry.get("userAgent", "").startswith(agent):
            counted[_name(entry)] += 1
    return counted


def _name(entry: dict[str, object]) -> str:
    reference = entry.get("objectRef")
    if not isinstance(reference, dict):
        return f"{entry['verb']} discovery"
    parts = [str(reference.get("resource", "discovery"))]
    if reference.get("subresource"):
        parts.append(str(reference["subresource"]))
    dry = " (dry run)" if "dryRun=All" in str(entry["requestURI"]) else ""
    return f"{entry['verb']} {'/'.join(parts)}{dry}"


def beyond_free(counted: Counter[str]) -> int:
    """Requests that are neither a watch nor about the lease."""
    return sum(
        count
        for name, count in counted.items()
        if not name.startswith("watch ") and not name.endswith(" leases")
    )
