"""The JSON merge patch from one object to another."""

from lockstep.api.base import Manifest


def merge_patch(before: Manifest, after: Manifest) -> Manifest:
    """The JSON merge patch (RFC 7386) from one object to the other: null for what has to go."""
    patch: Manifest = {key: None for key in before if key not in after}
    for key, value in after.items():
        known = before.get(key)
        if isinstance(value, dict) and isinstance(known, dict):
            inner = merge_patch(known, value)
            if inner:
                patch[key] = inner
        elif value != known:
            patch[key] = value
    return patch
