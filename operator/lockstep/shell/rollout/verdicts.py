"""The verdicts that criteria are to be told of: noted by passes, written by one writer, later."""

from collections import defaultdict
from collections.abc import Collection

from lockstep.api.exit_criteria import CLUSTER_KIND
from lockstep.api.exit_criteria_status import LastVerdict
from lockstep.core.gates.last import Concluded, newest, verdicts
from lockstep.core.key import Key, Named

Place = tuple[str, str]
"""Criteria by namespace, empty for those of the cluster, and title."""


class LastVerdicts:
    """No more of each criteria than their status has room for. What is lost was in Events."""

    def __init__(self) -> None:
        self._noted: dict[Place, dict[Named, LastVerdict]] = defaultdict(dict)

    def note(self, key: Key, concluded: Concluded) -> None:
        """Take down what the gates of ``key`` came to."""
        for criteria, verdict in verdicts(key, concluded):
            shared = criteria.startswith(f"{CLUSTER_KIND}/")
            at = "" if shared else key.namespace, criteria
            found = newest([*({**self._noted[at], key.named: verdict}).values()])
            self._noted[at] = {Named(it.namespace, it.name): it for it in found}

    def of(self, place: Place) -> Collection[LastVerdict]:
        return self._noted[place].values() if place in self._noted else ()

    def retain(self, places: Collection[Place]) -> None:
        """Forget criteria that are there no more."""
        for gone in [it for it in self._noted if it not in places]:
            del self._noted[gone]
