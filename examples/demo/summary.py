"""What happened, in plain words and with measured numbers, and where to look further. Pure."""

from collections.abc import Iterator

from examples.caller.caller import Tally
from examples.demo.acts import Played
from examples.demo.calls import Calls

FURTHER = """\
  eval "$(.venv/bin/python -m tests.cluster env)"
  kubectl --namespace {namespace} get mldep
  kubectl --namespace {namespace} get mldep {name} --output yaml
  kubectl --namespace {namespace} events --for modeldeployment/{name}
  kubectl --namespace {namespace} get deployments,controllerrevisions,pods --show-labels
  kubectl --namespace lockstep-system logs deployment/lockstep-operator
  make cluster-down"""


def summary(first: Played, promotion: Played, rollback: Played, good: Calls, bad: Calls) -> str:
    """The three acts, a paragraph each."""
    return "\n".join((_first(first), _promoted(promotion, good), _refused(rollback, bad)))


def _first(played: Played) -> str:
    return f"Version 1.0.0 was smoke-tested and serving after {played.seconds:.0f} s."


def _promoted(played: Played, calls: Calls) -> str:
    stages = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in played.stages().items())
    return (
        f"Version 2.0.0 was promoted in {played.seconds:.0f} s ({stages}). "
        f"Meanwhile callers asked {_seen(calls.new)} on new connections and {_seen(calls.kept)} on "
        "kept-alive ones."
    )


def _seen(tally: Tally) -> str:
    p99 = tally.quantile(0.99)
    slow = f", p99 {p99 * 1000:.0f} ms" if p99 is not None else ""
    return f"{tally.requests()} times ({tally.errors()} errors{slow})"


def _refused(played: Played, calls: Calls) -> str:
    return " ".join(_refusal(played, calls))


def _refusal(played: Played, calls: Calls) -> Iterator[str]:
    revision = played.revision("3.0.0")
    asked, errors = calls.new.requests(revision), calls.new.errors(revision)
    yield (
        f"Version 3.0.0 answered its smoke test, then {errors} of the {asked} new connections that "
        "reached it failed."
    )
    hurt, decided, last = calls.first_error(), played.rejected_at, calls.last_of(revision)
    if hurt is not None and decided is not None and last is not None:
        yield (
            f"Its gate took it back {max(decided - hurt, 0):.0f} s after the first error, and "
            f"{max(last - decided, 0):.0f} s later it had answered its last new connection."
        )
    yield f"The operator says: {played.looks[-1].message}."
