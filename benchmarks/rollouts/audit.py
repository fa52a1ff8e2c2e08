"""What the API server wrote down about us: requests by verb and resource in a span of time."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

AGENT = "lockstep-operator/"
FREE = {"watch", "leases"}
"""What an idle operator may do: keep its watches and its lease."""


def requests(lines: Iterable[str], since: datetime, until: datetime) -> Counter[str]:
    """Finished requests with our user agent, as ``patch modeldeployments/status``."""
    counted: Counter[str] = Counter()
    for line in lines:
        if AGENT not in line:
            continue
        entry = json.loads(line)
        at = datetime.fromisoformat(entry["requestReceivedTimestamp"])
        if since <= at < until and entry.get("userAgent", "").startswith(AGENT):
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
