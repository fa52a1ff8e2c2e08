"""Whether a revision can be stored at all: asked before a rollout of it begins."""

import json
from typing import Final

from lockstep.api.condition import Truth
from lockstep.api.conditions import Reason
from lockstep.core.conditions import Claim
from lockstep.core.rollout.asking import template
from lockstep.core.rollout.view import View

MOST_BYTES: Final = 1_500_000
"""etcd takes 1.5 MiB in one request; the rest is for metadata and what the API server adds."""


def problem(view: View) -> Claim | None:
    """A template that is stored as it was written and as it was rendered has to fit in twice."""
    wanted = view.wanted
    if wanted.stored is not None:
        return None
    kept = {"inputs": wanted.inputs, "template": template(view, wanted.revision)}
    size = len(json.dumps(kept, separators=(",", ":"), ensure_ascii=False).encode())
    if size <= MOST_BYTES:
        return None
    message = (
        f"spec.template takes {size:,} bytes in a stored revision (as written and as rendered), "
        f"{MOST_BYTES:,} is the most; move its largest values into ConfigMaps or the image"
    )
    return Claim(Truth.FALSE, Reason.TEMPLATE_TOO_LARGE, message)
