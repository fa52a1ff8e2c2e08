"""What is put to Prometheus and what comes back, in our words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Question:
    """One instant query. Equal questions are asked once, whoever needs the answer.

    ``address`` is empty for the operator's own Prometheus; ``at`` is the instant asked about.
    """

    address: str
    query: str
    at: datetime


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
    """No usable answer: refused, late, HTML, an error of Prometheus. The sentence says which."""

    message: str


Answer = Reply | Broken
