"""The last verdict that each user of some criteria got by them: which it is, and which are kept."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lockstep.api.exit_criteria import CLUSTER_KIND
from lockstep.api.exit_criteria_status import MOST_VERDICTS, LastVerdict
from lockstep.api.gate_status import GateStatus, Verdict
from lockstep.api.scalars import RevisionId, Word
from lockstep.core.key import Key, Named

_WORST_FIRST: Final[Mapping[Verdict, int]] = {
    Verdict.FAIL: 0,
    Verdict.INCONCLUSIVE: 1,
    Verdict.PASS: 2,
}
_AGAIN: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """The gates of a stage that have a verdict, once another one has come to one."""

    revision: RevisionId
    stage: Word
    gates: tuple[GateStatus, ...]


def verdicts(of: Key, concluded: Concluded) -> Iterator[tuple[str, LastVerdict]]:
    """What a stage amounts to by each of its criteria, with their title: the worst gate tells.

    One that decides nothing tells only where no other does.
    """
    found: dict[str, list[GateStatus]] = {}
    for row in concluded.gates:
        if row.verdict in _WORST_FIRST and row.measured_at:
            found.setdefault(row.criteria, []).append(row)
    for criteria, rows in found.items():
        row = min(rows, key=lambda it: (it.dry_run, _WORST_FIRST[it.verdict]))
        if row.measured_at:
            yield criteria, _verdict(of, concluded, row, row.measured_at)


def _verdict(of: Key, concluded: Concluded, row: GateStatus, at: datetime) -> LastVerdict:
    """Everybody may read what the platform owns: there a team's numbers stay its own."""
    shared = row.criteria.startswith(f"{CLUSTER_KIND}/")
    return LastVerdict(
        namespace=of.namespace,
        name=of.name,
        revision=concluded.revision,
        stage=concluded.stage,
        gate=row.name,
        verdict=row.verdict,
        value=None if shared else row.value,
        limit=row.limit,
        dry_run=row.dry_run or None,
        at=at,
    )


def kept(
    stored: Iterable[LastVerdict], noted: Iterable[LastVerdict], users: Collection[str]
) -> tuple[LastVerdict, ...]:
    """The last verdict of each user, the newest first; one that says the same again is no news."""
    found = {_user(it): it for it in stored}
    for it in noted:
        known = found.get(_user(it))
        if known is None or (known.at < it.at and not _alike(known, it)):
            found[_user(it)] = it
    return newest(it for user, it in found.items() if user in users)


def newest(found: Iterable[LastVerdict]) -> tuple[LastVerdict, ...]:
    """As many as there is room for."""
    in_order = sorted(found, key=lambda it: (it.namespace, it.name))
    return tuple(sorted(in_order, key=lambda it: it.at, reverse=True)[:MOST_VERDICTS])


def _user(it: LastVerdict) -> str:
    return str(Named(it.namespace, it.name))


def _alike(one: LastVerdict, other: LastVerdict) -> bool:
    """Whether a gate only came to its verdict once more, as one does that has data now and then."""
    left, right = ((it.revision, it.stage, it.gate, it.verdict) for it in (one, other))
    return left == right and other.at - one.at < _AGAIN
