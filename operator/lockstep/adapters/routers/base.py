"""What a traffic router translates: whom callers reach, to and from the data plane's words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lockstep.api.base import Manifest
from lockstep.api.service import Ports
from lockstep.api.traffic import TrafficMethod
from lockstep.core.facts import ChildRef
from lockstep.core.rollout.children.owner import Owner
from lockstep.core.rollout.routing import Routing


@dataclass(frozen=True, slots=True)
class Rendered:
    """``selector``: of the callers' Service. ``objects``: of the router's own kinds, whole.

    Of an object it has the fields that are ours and no others, and never a status: it is applied
    with our field manager, and what others wrote stays.
    """

    selector: Mapping[str, str]
    objects: tuple[Manifest, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """``written``: whom callers are led to; None when that is nothing that we would write.

    ``confirmed``: whom callers reach, as the data plane says; None until it has taken in what was
    written last. Where nothing but a selector decides, it is what is written.
    """

    written: Routing | None
    confirmed: Routing | None


class Router(Protocol):
    """Pure, and its own inverse: what is rendered is read back as ``written``."""

    @property
    def method(self) -> TrafficMethod: ...

    def refs(self, name: str) -> Sequence[ChildRef]:
        """The objects of its own kinds for ModelDeployment ``name``, as ``render`` orders them."""
        ...

    def render(self, owner: Owner, routing: Routing, ports: Ports) -> Rendered:
        """What leads callers there, at ``ports``.

        A router that splits by weight reaches a revision by the Service ``names.child_name``, which
        stands before any share goes to it and until the data plane has confirmed that none does.
        """
        ...

    def read(self, name: str, selector: Mapping[str, str], found: Sequence[Manifest]) -> Reading:
        """Whom callers of ``name`` reach; ``found`` are those of ``refs`` that are there.

        Who has objects goes by them alone: the callers' Service is seen to be as rendered for that.
        """
        ...
