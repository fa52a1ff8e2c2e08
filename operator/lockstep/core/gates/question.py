"""What is put to Prometheus and what comes back, in our words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from lockstep.api.exit_criteria import PrometheusQuery
from lockstep.core.gates.placeholders import Values

HANDFUL: Final = 8
"""Series of an answer that should have one: enough to say what is wrong with the query."""
MOST: Final = 5000
"""Series of an answer that may have many: those of two thousand rollouts, each pod of a model."""

NAMESPACE: Final = "namespace"
DEPLOYMENT: Final = "model_deployment"
"""Labels that manifests/prometheus/relabelling.yaml puts beside the revision."""


@dataclass(frozen=True, slots=True)
class Asker:
    """All that a question was made of but its instant: a gate finds its own again by it."""

    gate: str
    source: PrometheusQuery
    values: Values


@dataclass(frozen=True, slots=True)
class Question:
    """One instant query. Equal questions are asked once, whoever needs the answer.

    ``address`` is empty for the operator's own Prometheus; ``at`` is the instant asked about.
    ``by`` is the label that holds the revision, if any; ``many``: there is a series for each
    revision, or one number is made of several. ``askers`` are the gates that want to know, and make
    no difference.
    """

    address: str
    query: str
    at: datetime
    by: str = ""
    many: bool = False
    askers: tuple[Asker, ...] = field(default=(), compare=False, repr=False)

    @property
    def most(self) -> int:
        """How many series an answer may have."""
        return MOST if self.many else HANDFUL


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: finite value or NaN, with its labels."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """Prometheus answered; no series at all means that there is no data."""

    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """No usable answer: refused, late, HTML, an error of Prometheus. The sentence says which.

    ``invalid``: Prometheus cannot read the query, and no waiting will mend it.
    """

    message: str
    invalid: bool = False


@dataclass(frozen=True, slots=True)
class Unasked:
    """It is due, and there is no answer yet: neither a measurement nor an error. Says of whom."""

    message: str


Answer = Reply | Broken
