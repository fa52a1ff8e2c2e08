"""Config of a revision: copies that are its own, Secrets that its pods were started with.

A copy is made with its revision and goes with it, so that a return brings the config back. What a
Secret holds is never known here, only that it is another one now.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lockstep.api.condition import Truth
from lockstep.api.conditions import ConditionType, Reason
from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.model_deployment_status import RevisionStatus, SecretSeen
from lockstep.core import config
from lockstep.core.conditions import Claim
from lockstep.core.config import Kind, Read
from lockstep.core.names import child_name
from lockstep.core.rollout import restart
from lockstep.core.rollout.actions import PruneConfig, StoreConfig
from lockstep.core.rollout.observed import ConfigCopy, Observed
from lockstep.core.rollout.revision import (
    ABSENT,
    MISSING,
    Wanted,
    copy_names,
    resolve,
)
from lockstep.core.rollout.view import Assessment, View

_KIND = Kind.CONFIG_MAP.value
_MISSING: Final = {
    Kind.CONFIG_MAP: Reason.CONFIG_MAP_MISSING,
    Kind.SECRET: Reason.SECRET_MISSING,
}


@dataclass(frozen=True, slots=True)
class _Wish:
    """One copy that a revision should have; ``found`` is what stands there."""

    wanted: StoreConfig
    found: ConfigCopy | None

    @property
    def right(self) -> bool:
        return self.found is not None and self.found.digest == self.wanted.digest


def written(observed: Observed, spec: ModelDeploymentSpec) -> Wanted:
    """The revision that the template says, with the config that there is now."""
    status = observed.status
    named = (status.candidate, status.rejected, status.stable)
    live = [it.revision for it in named if it]
    template, configs = observed.template, observed.configs
    return resolve(observed.key, template, spec.model, observed.stored, configs, live)


def described(view: View) -> str:
    """The template's revision, whatever rollbackTo asks for: that forgives the template nothing."""
    if not view.spec.rollback_to:
        return view.wanted.revision
    return written(view.observed, view.spec).revision


def problem(view: View) -> Claim | None:
    """Why the wanted revision cannot begin, naming the object and the field that reads it."""
    return next(_problems(view), None)


def needed(view: View) -> frozenset[str]:
    """Names that the wanted revision's copies have yet to take."""
    wishes = _wishes(view, view.wanted.revision)
    return frozenset(wish.wanted.name for wish in wishes if wish.found is None)


def actions(view: View, assessment: Assessment) -> Iterator[StoreConfig | PruneConfig]:
    """Copies that are missing, as long as there is something to copy; copies nobody needs."""
    yield from _stored(view, assessment)
    yield from _pruned(view, assessment)


def claims(view: View, assessment: Assessment) -> dict[ConditionType, Claim]:
    """What has to be said about copies that are lost and Secrets that are others now."""
    found = {
        ConditionType.CONFIG_LOST: _lost(view, assessment),
        ConditionType.SECRET_ROTATED: _rotated(view, assessment),
    }
    return {kind: claim for kind, claim in found.items() if claim}


def secrets(view: View, revision: RevisionStatus | None) -> tuple[SecretSeen, ...]:
    """The Secrets that a live revision's first pods were started with, as far as was noticed."""
    if revision is None:
        return ()
    inputs, known = _inputs(view, revision.revision), _started_with(view, revision)
    there = {**view.observed.secrets, **{it.name: it for it in known}}
    if inputs is None or not there:
        return known
    names = sorted(read.source.name for read in config.of(Kind.SECRET, inputs["template"]))
    return tuple(there[name] for name in names[: config.MOST] if name in there)


def _started_with(view: View, revision: RevisionStatus) -> tuple[SecretSeen, ...]:
    """What an earlier pass has noted; a candidate takes it along when it becomes stable."""
    before = view.observed.status
    noted = ((before.stable, before.secrets), (before.candidate, before.candidate_secrets))
    if _restarting(view, revision):
        return ()
    return next((known for it, known in noted if it and it.revision == revision.revision), ())


def _problems(view: View) -> Iterator[Claim]:
    """A revision that has its copies needs no more; one that reads too much is not even watched."""
    reads = config.reads(view.wanted.inputs["template"])
    if len(reads) > config.MOST:
        text = (
            f"the template reads {len(reads)} ConfigMaps and Secrets, "
            f"at most {config.MOST} are allowed; merge some of them"
        )
        yield Claim(Truth.FALSE, Reason.TOO_MANY_CONFIGS, text)
    wishes = {wish.wanted.source: wish for wish in _wishes(view, view.wanted.revision)}
    for read in reads:
        wish = wishes.get(read.source.name) if read.source.kind is Kind.CONFIG_MAP else None
        if wish and not wish.right and not _copyable(view, wish):
            yield Claim(Truth.FALSE, Reason.CONFIG_LOST, _lost_message(wish))
        elif wish is None and not read.optional and not _exists(view, read):
            yield Claim(Truth.FALSE, _MISSING[read.source.kind], _missing_message(view, read))


def _exists(view: View, read: Read) -> bool:
    known: Mapping[str, object] = view.observed.secrets
    if read.source.kind is Kind.CONFIG_MAP:
        known = view.observed.configs
    return read.source.name in known


def _missing_message(view: View, read: Read) -> str:
    kind, name = read.source.kind, read.source.name
    return (
        f"{read.field} reads {kind} {name}, which does not exist in namespace "
        f"{view.observed.key.namespace}; create it, or set optional: true there"
    )


def _inputs(view: View, revision: str) -> Mapping[str, Any] | None:
    """What the user wrote for a revision; None when nobody knows any more."""
    for stored in view.observed.stored:
        if stored.revision == revision:
            return stored.inputs
    return view.wanted.inputs if revision == view.wanted.revision else None


def _wishes(view: View, revision: str) -> Iterator[_Wish]:
    """The copies of a revision; what was absent when it was made has none."""
    inputs, owner = _inputs(view, revision) or {}, view.observed.key.name
    found = {(it.revision, it.source): it for it in view.observed.copies}
    names = copy_names(owner, revision, inputs)
    for source, digest in inputs.get("configMaps", {}).items():
        if digest in {ABSENT, MISSING}:
            continue
        store = StoreConfig(name=names[source], revision=revision, source=source, digest=digest)
        yield _Wish(store, found.get((revision, source)))


def _copyable(view: View, wish: _Wish) -> bool:
    """Whether the copy can be made: its name is free and its source still has that content."""
    conflict = any((it.kind, it.name) == (_KIND, wish.wanted.name) for it in view.observed.foreign)
    same = view.observed.configs.get(wish.wanted.source) == wish.wanted.digest
    return wish.found is None and same and not conflict


def _stored(view: View, assessment: Assessment) -> Iterator[StoreConfig]:
    revisions = {it.revision for it in view.observed.stored}
    revisions |= {view.wanted.revision} & assessment.desired.counts.keys()
    for revision in sorted(revisions):
        for wish in _wishes(view, revision):
            if _copyable(view, wish):
                yield wish.wanted


def _pruned(view: View, assessment: Assessment) -> Iterator[PruneConfig]:
    status = assessment.status
    named = (status.stable, status.candidate, status.rejected, status.kept)
    known = {it.revision for it in named if it}
    known |= {view.wanted.revision, *assessment.desired.counts, *view.observed.arms}
    known |= {it.revision for it in view.observed.stored}
    for copy in view.observed.copies:
        if copy.revision not in known:
            yield PruneConfig(copy.name)


def _lost(view: View, assessment: Assessment) -> Claim | None:
    for revision in sorted(assessment.desired.counts):
        for wish in _wishes(view, revision):
            if not wish.right and not _copyable(view, wish):
                return Claim(Truth.TRUE, Reason.COPY_LOST, _lost_message(wish))
    return None


def _lost_message(wish: _Wish) -> str:
    copy = wish.wanted
    state = "is missing" if wish.found is None else "has changed"
    return (
        f"ConfigMap {copy.name}, a copy of ConfigMap {copy.source} for revision {copy.revision}, "
        f"{state}, and {copy.source} has other content now: running pods continue, new pods of "
        f"this revision cannot start; restore the old content of {copy.source} or roll out "
        "another revision"
    )


def _restarting(view: View, revision: RevisionStatus) -> bool:
    """Whether its pods are about to be replaced: they will read what there is now."""
    return restart.begins(view, view.observed.arm(revision.revision))


def _rotated(view: View, assessment: Assessment) -> Claim | None:
    """A Secret that is deleted is not rotated: it is another one once it is there again."""
    stable, now = assessment.status.stable, view.observed.secrets
    started_with = secrets(view, stable)
    others = [it.name for it in started_with if it.name in now and now[it.name] != it]
    if stable is None or not others:
        return None
    key = view.observed.key
    which = f"Secret{'s' if len(others) > 1 else ''} {', '.join(others)}"
    patch = '{\\"spec\\":{\\"restartAt\\":\\"$(date -u +%FT%TZ)\\"}}'
    return Claim(
        Truth.TRUE,
        Reason.SECRET_CHANGED,
        f"{which} changed after the pods of {child_name(key.name, stable.revision)} started, "
        "which may still use the old value; restart them one by one with: "
        f'kubectl patch mldep {key.name} -n {key.namespace} --type merge -p "{patch}"',
    )
