"""What a traffic router translates: whom callers reach, to and from the data plane's words."""

from collections.abc import Mapping
from typing import Protocol

from lockstep.core.rollout.routing import Routing


class Router(Protocol):
    """Pure, and its own inverse: ``read(name, render(name, routing)) == routing``."""

    def render(self, name: str, routing: Routing) -> dict[str, str]:
        """The selector of the callers' Service of ModelDeployment ``name``."""
        ...

    def read(self, name: str, selector: Mapping[str, str]) -> Routing | None:
        """Whom a selector reaches; None when it is not one that we would write."""
        ...
