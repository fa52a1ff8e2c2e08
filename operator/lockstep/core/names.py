"""Names of what we create: derived, never stored, short enough for every label."""


def deployment_name(name: str, revision: str) -> str:
    """Name of a revision's Deployment and of its ControllerRevision: ``fraud-7f9c2b1e``."""
    return f"{name}-{revision}"


def preview_name(name: str) -> str:
    """Name of the Service that reaches only the candidate: ``fraud-candidate``."""
    return f"{name}-candidate"
