"""The ports through which callers reach a revision, and whether it has them."""

from lockstep.api.status import Truth
from lockstep.core import pod_spec
from lockstep.core.conditions import Claim
from lockstep.core.rollout import messages
from lockstep.core.rollout.view import View


def problem(view: View) -> Claim | None:
    """Why callers could not be sent to the wanted revision; None where they can."""
    target = view.spec.service.target_port
    spec = view.wanted.inputs["template"]["spec"]
    if pod_spec.port(spec, target) is not None:
        return None
    message = messages.no_such_port(str(target), view.version, pod_spec.ports(spec))
    return Claim(Truth.FALSE, "TargetPortMissing", message)
