"""The one way in which the demo ends badly."""


class DemoError(Exception):
    """Something went otherwise than promised; says in one sentence what."""
