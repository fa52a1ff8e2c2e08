"""What happened, in plain words and with measured numbers, and where to look further. Pure."""

from collections.abc import Iterator, Mapping

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


def summary(played: Mapping[str, Played], calls: Mapping[str, Calls]) -> str:
    """The three acts, a paragraph each."""
    paragraphs = (
        _first(played["1.0.0"]),
        _promoted(played["2.0.0"], calls["2.0.0"]),
        _refused(played["3.0.0"], calls["3.0.0"]),
    )
    return "\n".join(paragraphs)


def _first(played: Played) -> str:
    return f"Version 1.0.0 was smoke-tested and serving after {played.seconds:.0f} s."


def _promoted(played: Played, calls: Calls) -> str:
    stages = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in played.stages().items())
    return (
        f"Version 2.0.0 was promoted in {played.seconds:.0f} s ({stages}). "
        f"Meanwhile callers opened {_seen(calls.new)}, and made {_seen(calls.kept)} on kept-alive "
        "ones."
    )


def _seen(tally: Tally) -> str:
    p99 = tally.quantile(0.99)
    slow = f", p99 {p99 * 1000:.0f} ms" if p99 is not None else ""
    return f"{tally.requests()} connections with {tally.errors()} errors{slow}"


def _refused(played: Played, calls: Calls) -> str:
    return " ".join(_refusal(played, calls))


def _refusal(played: Played, calls: Calls) -> Iterator[str]:
    revision = played.revision("3.0.0")
    asked, errors = calls.new.requests(revision), calls.new.errors(revision)
    yield (
        f"Version 3.0.0 answered its smoke test, then {errors} of the {asked} new connections that "
        "reached it failed."
    )
    bad = played.first(lambda look: any(gate.failures for gate in look.gates))
    decided, last = played.rejected_at, calls.last_of(revision)
    if bad is not None and decided is not None and last is not None:
        yield (
            f"Its gate took it back {max(decided - bad, 0):.0f} s after the first bad measurement; "
            f"the last new connection that it answered was {max(last - decided, 0):.1f} s later."
        )
    if message := played.looks[-1].message:
        yield f"Its own sentence: {message}."
