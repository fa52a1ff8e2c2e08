"""The ports through which callers reach a revision: its own, whatever spec.service says by now.

spec.service speaks of the revision that the template describes. Every other one keeps the ports
that it was rolled out with; the Service has those of whom callers reach, changed in one write.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lockstep.api.base import Manifest
from lockstep.api.changes import changed
from lockstep.api.condition import Truth
from lockstep.api.conditions import Reason
from lockstep.api.model_deployment_status import ModelDeploymentStatus, RevisionStatus
from lockstep.api.service import Ports, ServedPort, Service, alike
from lockstep.core import pod_spec
from lockstep.core.conditions import Claim
from lockstep.core.last import of_last
from lockstep.core.rollout import child_messages, config
from lockstep.core.rollout.actions import NotePorts
from lockstep.core.rollout.routing import Everyone, Nobody, Only, Routing, Shares, reaches
from lockstep.core.rollout.stages import WHOLE, max_surge, steps
from lockstep.core.rollout.view import View


@dataclass(frozen=True, slots=True)
class Side:
    """A revision's ports and the pods behind them."""

    ports: Ports
    spec: Manifest

    def number(self, target: int | str, protocol: str) -> int | None:
        return pod_spec.port(self.spec, target, protocol)

    def listens(self, port: ServedPort) -> bool:
        """Whether no pod is asked at a port that it has not: without the name it is not asked."""
        if isinstance(port.target_port, str):
            return True
        named = {it["containerPort"] for it in pod_spec.ports(self.spec, port.protocol)}
        known = {it.target_port for it in self.ports if it.protocol == port.protocol}
        return port.target_port in named | known


@dataclass(frozen=True, slots=True)
class Clash:
    """A port that leads to another place in each of two revisions, and to no common one."""

    stable: ServedPort
    candidate: ServedPort


def renewed(view: View) -> View:
    """A candidate that is to be asked at another port has to answer there before it is called."""
    candidate = view.status.candidate
    if candidate is None or view.spec.smoke_test is None:
        return view
    before = _noted(view, candidate.revision)
    moved = before and before != of(view, candidate.revision)
    if not moved or reaches(view.routing, candidate.revision):
        return view
    return view.with_status(candidate=changed(candidate, smoke_tested=False))


def of(view: View, revision: str) -> Ports:
    """The ports of one revision: as spec.service says it while it speaks of this one, if they fit.

    Else those that it had; where an earlier operator kept none, those that stand for its callers.
    """
    asked, known = _asked(view.spec.service), _noted(view, revision)
    if known == asked or (revision == config.described(view) and _takes(view, revision, asked)):
        return asked
    service = view.observed.service
    standing = service.ports if service and reaches(service.routing, revision) else ()
    return known or standing or asked


@of_last
def _asked(service: Service) -> Ports:
    return service.served()


def _noted(view: View, revision: str) -> Ports:
    return next((it.ports for it in view.observed.stored if it.revision == revision), ())


def _takes(view: View, revision: str, asked: Ports) -> bool:
    """Whether a revision may have other ports than it had: its pods have them, nothing is split."""
    mine, stable = Side(asked, _spec(view, revision)), view.status.stable
    if _missing(mine):
        return False
    beside = view.status.candidate if stable and stable.revision == revision else stable
    if beside is None or beside.revision == revision or _at_once(view, view.status.candidate):
        return True
    return not _clashes(_side(view, beside.revision), mine)


def notes(view: View, status: ModelDeploymentStatus) -> Iterator[NotePorts]:
    """What has to be kept of the live revisions before callers move.

    Of the one that spec.service speaks of nothing has, where an earlier operator kept nothing.
    """
    live = {it.revision for it in (status.stable, status.candidate) if it}
    for stored in view.observed.stored:
        told = bool(stored.ports) or stored.revision != config.described(view)
        ports = of(view, stored.revision)
        if stored.revision in live and told and ports != stored.ports:
            yield NotePorts(stored.name, ports)


def asked_at(view: View, revision: str) -> int | None:
    """The pod's port behind the first one for TCP, which a smoke test asks; None: there is none."""
    side = _side(view, revision)
    found = (side.number(it.target_port, it.protocol) for it in side.ports if it.protocol == "TCP")
    return next(found, None)


def offered(view: View, routing: Routing) -> Ports:
    """The ports that the Service has while callers reach these revisions."""
    match routing:
        case Only(revision):
            return of(view, revision)
        case Everyone() | Shares():
            return _shared(view)
        case Nobody():
            known = view.status.stable or view.status.candidate
            return of(view, known.revision if known else view.wanted.revision)


def fit(view: View) -> bool:
    """Whether callers may be split between stable and whoever is beside it."""
    sides = _sides(view)
    return sides is None or not _clashes(*sides)


def _sides(view: View) -> tuple[Side, Side] | None:
    status = view.status
    stable, other = status.stable, status.candidate or status.leaving or status.rejected
    if stable is None or other is None:
        return None
    return _side(view, stable.revision), _side(view, other.revision)


def _shared(view: View) -> Ports:
    sides = _sides(view)
    if sides is not None and not _clashes(*sides):
        return tuple(_together(*sides))
    service = view.observed.service
    return (service.ports if service else ()) or offered(view, Nobody())


def _side(view: View, revision: str) -> Side:
    return Side(of(view, revision), _spec(view, revision))


def _spec(view: View, revision: str) -> Manifest:
    """The pods' spec of a revision; empty when nobody knows it any more."""
    stored = (it.template for it in view.observed.stored if it.revision == revision)
    wanted = view.wanted.inputs["template"] if revision == view.wanted.revision else {}
    spec = next(stored, wanted).get("spec")
    return spec if isinstance(spec, dict) else {}


def _together(stable: Side, candidate: Side) -> Iterator[ServedPort]:
    """What one Service can offer for both: common ports, and those at which nobody is missed.

    A pair of ports that leads to no common place is a clash: whoever asks has looked for those.
    """
    left = list(stable.ports)
    for port in candidate.ports:
        partner = _partner(port, left)
        if partner is not None:
            left.remove(partner)
            target = _common(stable, candidate, partner, port)
            if target is not None:
                yield changed(port, target_port=target)
        elif stable.listens(port):
            yield port
    yield from (port for port in left if _is_free(port, candidate))


def _is_free(port: ServedPort, candidate: Side) -> bool:
    """Whether a port that only stable has may stay beside the candidate's."""
    served = {(it.port, it.protocol) for it in candidate.ports}
    names = {it.name for it in candidate.ports}
    unlike = (port.port, port.protocol) not in served and port.name not in names
    return unlike and candidate.listens(port)


def _partner(port: ServedPort, others: list[ServedPort]) -> ServedPort | None:
    """The same port in the other revision: of the same number, or of the same name."""
    alike = [it for it in others if it.protocol == port.protocol]
    numbered = (it for it in alike if it.port == port.port)
    return next(numbered, next((it for it in alike if it.name == port.name), None))


def _common(
    stable: Side, candidate: Side, ours: ServedPort, theirs: ServedPort
) -> int | str | None:
    """A target that leads each revision's callers to where they are led alone, if there is one."""
    if ours.app_protocol != theirs.app_protocol:
        return None
    for target in (theirs.target_port, ours.target_port):
        if _leads(stable, target, ours) and _leads(candidate, target, theirs):
            return target
    return None


def _leads(side: Side, target: int | str, port: ServedPort) -> bool:
    if target == port.target_port:
        return True
    there = side.number(target, port.protocol)
    return there is not None and there == side.number(port.target_port, port.protocol)


def _clashes(stable: Side, candidate: Side) -> tuple[Clash, ...]:
    if stable.ports == candidate.ports:
        return ()
    left, found, common = list(stable.ports), [], 0
    for port in candidate.ports:
        partner = _partner(port, left)
        if partner is None:
            continue
        left.remove(partner)
        common += 1
        if _common(stable, candidate, partner, port) is None:
            found.append(Clash(partner, port))
    if not common and stable.ports and candidate.ports:
        return (Clash(stable.ports[0], candidate.ports[0]),)
    return tuple(found)


def _missing(side: Side) -> ServedPort | None:
    """A port whose name no container of the revision has."""
    return next((it for it in side.ports if side.number(it.target_port, it.protocol) is None), None)


def _at_once(view: View, candidate: RevisionStatus | None) -> bool:
    """Whether the strategy brings up a whole candidate and moves all callers in one step."""
    walked = steps(view.spec, candidate)
    whole = all(step.weight == WHOLE for step in walked)
    return all(not step.shared for step in walked) or (
        whole and max_surge(view.spec) >= view.spec.replicas
    )


def problem(view: View, candidate: RevisionStatus | None = None) -> Claim | None:
    """Why callers could not be sent to the wanted revision; None where they can.

    ``candidate`` is what it would be on trial as, where it is not yet.
    """
    wanted = view.wanted.revision
    asked = view.spec.service.served() if wanted == config.described(view) else of(view, wanted)
    mine = Side(asked, _spec(view, wanted))
    missing = _missing(mine)
    if missing:
        field = "targetPort" if not view.spec.service.ports else f"ports[{missing.name}].targetPort"
        known = pod_spec.ports(mine.spec, missing.protocol)
        return Claim(
            Truth.FALSE,
            Reason.TARGET_PORT_MISSING,
            child_messages.no_such_port(f"spec.service.{field}", missing, view.version, known),
        )
    stable = view.status.stable
    if stable is None or stable.revision == wanted:
        return None
    if _at_once(view, candidate or view.status.candidate):
        return None
    clash = next(iter(_clashes(_side(view, stable.revision), mine)), None)
    if clash is None:
        return None
    return Claim(
        Truth.FALSE,
        Reason.PORTS_DIFFER,
        child_messages.ports_differ(stable, view.version, clash.stable, clash.candidate),
    )


def drifted(view: View, routing: Routing) -> bool:
    """Whether the Service has other ports than it should while callers reach these revisions."""
    service = view.observed.service
    return service is not None and not alike(offered(view, routing), service.ports)


def stored(view: View) -> Ports:
    """What is kept beside a revision that begins."""
    return of(view, view.wanted.revision)
