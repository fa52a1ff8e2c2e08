"""The name under which one ModelDeployment waits its turn."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Key:
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"
