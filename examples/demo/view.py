"""What a look at the rollout looks like: a screen on a terminal, plain lines elsewhere. Pure."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from examples.caller.caller import Second, Tally
from examples.demo.calls import Calls
from examples.demo.look import Arm, Gate, Look

RECENT_SECONDS = 5
COLOURS = {"stable": "green", "candidate": "cyan", "rejected": "red", "kept": "yellow"}
VERDICTS = {"Pass": "green", "Fail": "red", "Inconclusive": "yellow", "Measuring": "cyan"}
PHASES = {"Healthy": "green", "Degraded": "red", "Paused": "yellow", "Progressing": "cyan"}

Stages = Sequence[tuple[str, int]]


def screen(
    title: str, look: Look, stages: Stages, seconds: Sequence[Second], elapsed: float
) -> RenderableType:
    """The whole picture: stage, weight, pods, gates, callers and the operator's own sentence."""
    head = Text.assemble(
        (look.phase or "Starting", f"bold {PHASES.get(look.phase, 'white')}"),
        f"  {elapsed:.0f} s   ",
        *_walk(look, stages),
    )
    parts: list[RenderableType] = [Rule(title, align="left"), head, _pods(look)]
    if look.gates:
        parts.append(_gates(look.gates))
    if seconds:
        parts.append(_callers(look.arms, Calls.last(seconds, RECENT_SECONDS)))
    return Group(*parts, Padding(Text(look.message, style="italic"), (1, 0, 0, 0)))


def line(look: Look, seconds: Sequence[Second]) -> str:
    """The same in one line, for logs."""
    where = f"{look.stage} {look.desired}% (now {look.actual}%)" if look.stage else "no trial"
    pods = ", ".join(f"{arm.role} {arm.version} {arm.ready}/{arm.pods}" for arm in look.arms)
    gates = ", ".join(f"{gate.name} {gate.verdict} {_value(gate)}" for gate in look.gates)
    callers = _told(look.arms, Calls.last(seconds, RECENT_SECONDS).all) if seconds else ""
    parts = [look.phase or "Starting", where, pods, gates, callers]
    return " | ".join(part for part in parts if part)


def changed(before: Look | None, now: Look) -> bool:
    """Whether there is something to tell a reader of plain lines."""
    return before is None or _gist(before) != _gist(now)


def _gist(look: Look) -> tuple[object, ...]:
    verdicts = tuple((gate.name, gate.verdict, gate.failures > 0) for gate in look.gates)
    weights = (look.stage, look.holding, look.desired, look.actual)
    return (look.phase, look.reason, *weights, look.arms, verdicts)


def _walk(look: Look, stages: Stages) -> list[tuple[str, str]]:
    """The stages, the present one marked with the weight that ready pods make of it."""
    if not look.stage:
        return []
    at = [name for name, _ in stages].index(look.stage) if look.stage in dict(stages) else -1
    words: list[tuple[str, str]] = []
    for index, (name, weight) in enumerate(stages):
        if index == at:
            words.append((f"▶ {name} {weight}% (ready pods make {look.actual}%)   ", "bold cyan"))
        else:
            done = index < at
            words.append((f"{'✓ ' if done else ''}{name} {weight}%   ", "green" if done else "dim"))
    return words


def _pods(look: Look) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for arm in look.arms:
        bar = Text("■ " * arm.ready, COLOURS[arm.role]) + Text("□ " * (arm.pods - arm.ready), "dim")
        table.add_row(arm.role, arm.version, bar, f"{arm.ready}/{arm.pods} pods ready")
    return table


def _gates(gates: Sequence[Gate]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for gate in gates:
        verdict = Text(gate.verdict, VERDICTS.get(gate.verdict, "white"))
        said = f"{gate.samples} measurements, {gate.failures} bad"
        table.add_row(f"gate {gate.name}", verdict, _value(gate), said)
    return table


def _value(gate: Gate) -> str:
    return f"{gate.value or 'nothing yet'} ({gate.limit})"


def _callers(arms: Sequence[Arm], calls: Calls) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for name, tally in (("new connections", calls.new), ("kept-alive", calls.kept)):
        per_second = tally.requests() / max(len(calls.seconds), 1)
        errors = Text(f"{tally.errors()} errors", "red" if tally.errors() else "green")
        p99 = tally.quantile(0.99)
        slow = "" if p99 is None else f"p99 {p99 * 1000:.0f} ms"
        table.add_row(name, f"{per_second:.0f}/s", errors, slow, _shares(arms, tally))
    return table


def _told(arms: Sequence[Arm], tally: Tally) -> str:
    said = f"{tally.requests()} requests in {RECENT_SECONDS} s, {tally.errors()} errors"
    return f"callers: {said}, {_shares(arms, tally)}"


def _shares(arms: Sequence[Arm], tally: Tally) -> str:
    seen = [(arm.version, tally.share(arm.revision)) for arm in arms]
    return ", ".join(f"{share:.0%} on {version}" for version, share in seen if share)
