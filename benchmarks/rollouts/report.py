"""The figures of one run as tables for people."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Found = Mapping[str, Any]


def markdown(found: Found) -> str:
    """All of a run; a part that was not measured has no table."""
    parts = [f"Measured on {found['machine']}.\n"]
    if found["scale"]:
        parts += [_rollouts(found["scale"]), _requests(found["scale"]), _after(found["scale"])]
    if found["plain"]:
        parts.append(_nobody("plain rolling update, nobody deciding", found["plain"]))
    if found["least"]:
        parts.append(_nobody("two ReplicaSets with the least requests", found["least"]))
    if found["argo"]:
        parts.append(_argo(found["argo"]))
    if found["reactions"]:
        parts.append(_reactions(found["reactions"]))
    if found["measuring"]:
        parts.append(_measuring(found["measuring"]))
    return "\n".join(parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def _rollouts(scales: Sequence[Found]) -> str:
    head = (
        "N at once", "all promoted", "median", "requests each", "passes each", "operator CPU each",
        "operator peak", "API server CPU each", "load average",
    )  # fmt: skip
    return _table(
        head,
        (
            (
                it["n"],
                f"{it['rollouts']['wall_seconds']} s",
                f"{it['rollouts']['median_seconds']} s",
                it["rollouts"]["requests_each"],
                it["rollouts"]["passes_each"],
                f"{it['rollouts']['cpu_ms_each']} ms",
                f"{it['rollouts']['peak_mib']} MiB",
                f"{it['rollouts']['api_server_cpu_ms_each']} ms",
                it["rollouts"]["load"],
            )
            for it in scales
        ),
    )


def _requests(scales: Sequence[Found]) -> str:
    kinds = sorted({kind for it in scales for kind in it["rollouts"]["requests"]})
    return _table(
        ("requests each", *(f"N = {it['n']}" for it in scales)),
        ((kind, *(it["rollouts"]["requests"].get(kind, 0) for it in scales)) for kind in kinds),
    )


def _after(scales: Sequence[Found]) -> str:
    head = (
        "N", "idle: requests but watches and lease", "idle: CPU", "idle: memory",
        "restart: caught up", "restart: requests",
    )  # fmt: skip
    return _table(
        head,
        (
            (
                it["n"],
                f"{it['idle']['beyond_watches_and_lease']} in {it['idle']['seconds']:g} s",
                f"{it['idle']['cpu_percent_of_a_core']} % of a core",
                f"{it['idle']['mib']} MiB",
                f"{it['restart']['caught_up_seconds']} s",
                it["restart"]["requests"],
            )
            for it in scales
        ),
    )


def _nobody(what: str, measured: Sequence[Found]) -> str:
    return _table(
        (what, "complete", "API server CPU each", "load average"),
        (
            (
                f"{it['n']} at once",
                f"{it['wall_seconds']} s",
                f"{it['api_server_cpu_ms_each']} ms",
                it["load"],
            )
            for it in measured
        ),
    )


def _argo(measured: Sequence[Found]) -> str:
    head = (
        "Argo Rollouts, client limits and workers raised", "all healthy", "median",
        "requests each", "controller CPU each", "controller peak", "API server CPU each",
        "load average",
    )  # fmt: skip
    return _table(
        head,
        (
            (
                f"{it['n']} at once",
                f"{it['wall_seconds']} s",
                f"{it['median_seconds']} s",
                it["requests_each"],
                f"{it['cpu_ms_each']} ms",
                f"{it['peak_mib']} MiB",
                f"{it['api_server_cpu_ms_each']} ms",
                it["load"],
            )
            for it in measured
        ),
    )


def _reactions(reactions: Sequence[Found]) -> str:
    return _table(
        ("deployments", "interval", "trials", "median", "p95", "longest"),
        (
            (
                it["deployments"],
                f"{it['interval_seconds']} s",
                it["trials"],
                f"{it['median_seconds']} s",
                f"{it['p95_seconds']} s",
                f"{it['longest_seconds']} s",
            )
            for it in reactions
        ),
    )


def _measuring(measuring: Sequence[Found]) -> str:
    return _table(
        ("deployments", "metrics each", "interval", "queries a minute", "status writes a minute",
         "other requests", "operator CPU"),
        (
            (
                it["deployments"],
                it["metrics"],
                f"{it['interval_seconds']} s",
                f"{it['queries_a_minute']:g}",
                f"{it['status_writes_a_minute']:g}",
                it["other_requests"],
                f"{it['cpu_percent_of_a_core']} % of a core",
            )
            for it in measuring
        ),
    )  # fmt: skip
