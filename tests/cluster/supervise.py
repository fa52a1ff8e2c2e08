"""Makes components run: starts what is dead, leaves alone what works, in order of need."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.cluster.errors import ClusterError
from tests.cluster.probe import taken
from tests.cluster.processes import Book, Component, fingerprint
from tests.cluster.progress import Progress
from tests.cluster.shell import last_words

TRIES = 3
SICK_SECONDS = 15.0  # a process that lives but does not answer for so long is started again
WITHIN_SECONDS = 120.0


@dataclass(slots=True)
class _Effort:
    """What was done for one component in this run."""

    starts: int = 0
    began: float = field(default_factory=time.monotonic)


def mend(
    components: Sequence[Component],
    book: Book,
    progress: Progress,
    within_seconds: float = WITHIN_SECONDS,
) -> list[str]:
    """Bring every component to the point where it answers.

    Returns:
        The names of those that had to be started.

    Raises:
        ClusterError: One does not come up; says which, and its last words.
    """
    waiting = {component.name: component for component in components}
    efforts: dict[str, _Effort] = {}
    until = time.monotonic() + within_seconds
    while waiting:
        for component in [one for one in waiting.values() if not waiting.keys() & set(one.needs)]:
            effort = efforts.setdefault(component.name, _Effort())
            if _works(component, book, effort, progress):
                del waiting[component.name]
        if waiting and time.monotonic() > until:
            raise ClusterError(
                _gave_up(next(iter(waiting)), book, f"within {within_seconds:.0f} s")
            )
        time.sleep(0.1 if waiting else 0)
    return [name for name, effort in efforts.items() if effort.starts]


def _works(component: Component, book: Book, effort: _Effort, progress: Progress) -> bool:
    running = book.process(component.name) is not None
    same = book.fingerprint(component.name) == fingerprint(component)
    if running and same and component.probe.answers():
        return True
    sick = time.monotonic() - effort.began > SICK_SECONDS * (1 + 2 * effort.starts)
    if running and same and not sick:
        return False
    if effort.starts >= TRIES:
        raise ClusterError(_gave_up(component.name, book, f"after {TRIES} starts"))
    book.stop(component.name)
    _refuse_taken(component)
    progress.say(f"starting {component.name}")
    book.start(component)
    effort.starts += 1
    return False


def _refuse_taken(component: Component) -> None:
    if component.port and taken(*component.port):
        host, port = component.port
        raise ClusterError(
            f"{component.name} cannot start: another program listens on {host}:{port} "
            f"(`ss -ltnp sport = {port}` names it)"
        )


def _gave_up(name: str, book: Book, when: str) -> str:
    log = book.log(name)
    said = last_words(log.read_text(errors="replace")[-20_000:]) if log.exists() else "nothing"
    return f"{name} did not answer {when}; the last line of {log} is: {said}"
