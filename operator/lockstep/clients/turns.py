"""Whose question is put next to one Prometheus: namespaces take turns, and their keys in each.

No wire, no clock. A namespace has a share of the places; one whose questions find no answer has one
place, and all of these together half of the places: the other half is for who is answered.
"""

from collections import Counter, OrderedDict
from typing import Final

from lockstep.core.gates.question import Question
from lockstep.core.key import Key

PLACES: Final = 16
"""Questions under way at once; a thread each."""
SHARE: Final = 4
_FOR_SILENT: Final = PLACES // 2
_PENALTY: Final = 3
"""Answers that a namespace has to be given after a silence before it has its share again."""

_Asked = OrderedDict[Question, None]


class Turns:
    """A question waits once, however many keys ask it; it has its turn with the first of them."""

    def __init__(self) -> None:
        self._line: OrderedDict[str, OrderedDict[Key, _Asked]] = OrderedDict()
        self._askers: dict[Question, set[Key]] = {}
        self._under_way: Counter[str] = Counter()
        self._penalty: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._askers)

    @property
    def busy(self) -> int:
        """How many places are taken."""
        return self._under_way.total()

    def add(self, key: Key, question: Question) -> None:
        """``key`` wants an answer; it keeps its place in the line."""
        self._line.setdefault(key.namespace, OrderedDict()).setdefault(key, OrderedDict())
        self._line[key.namespace][key][question] = None
        self._askers.setdefault(question, set()).add(key)

    def drop(self, key: Key, question: Question) -> bool:
        """``key`` wants it no more; whether nobody does."""
        self._askers.get(question, set()).discard(key)
        self._unlist(key, question)
        if not self._askers.get(question):
            self._askers.pop(question, None)
            return True
        return False

    def take(self) -> tuple[str, Question] | None:
        """The next question, and the namespace whose place it takes until ``ended``."""
        if self.busy >= PLACES:
            return None
        namespace = next(filter(self._may, self._line), None)
        if namespace is None:
            return None
        keys = self._line[namespace]
        key = next(iter(keys))
        question = next(iter(keys[key]))
        self._line.move_to_end(namespace)
        keys.move_to_end(key)
        for asker in self._askers.pop(question):
            self._unlist(asker, question)
        self._under_way[namespace] += 1
        return namespace, question

    def ended(self, namespace: str, *, answered: bool) -> None:
        """A place is free again."""
        self._under_way[namespace] -= 1
        penalty = max(self._penalty[namespace] - 1, 0) if answered else _PENALTY
        self._penalty[namespace] = penalty
        self._under_way, self._penalty = +self._under_way, +self._penalty

    def silent(self, namespace: str) -> bool:
        """Whether its questions have found no answer lately."""
        return namespace in self._penalty

    def _may(self, namespace: str) -> bool:
        mine = self._under_way[namespace]
        if not self.silent(namespace):
            return mine < SHARE
        silent = sum(self._under_way[other] for other in self._penalty)
        return mine < 1 and silent < _FOR_SILENT

    def _unlist(self, key: Key, question: Question) -> None:
        keys = self._line.get(key.namespace, OrderedDict())
        if key not in keys:
            return
        keys[key].pop(question, None)
        if not keys[key]:
            del keys[key]
        if not keys:
            del self._line[key.namespace]
