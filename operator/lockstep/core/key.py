"""What identifies an object. Tuples: they are hashed in every step of a pass."""

from typing import NamedTuple


class Named(NamedTuple):
    """One object among those of its kind."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Key(NamedTuple):
    """An object that has passes of its own: what the queue holds, and all that is kept of it."""

    kind: str
    namespace: str
    name: str

    @property
    def named(self) -> Named:
        return Named(self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"
