"""The one way in which anything here fails: with a sentence for the person at the keyboard."""


class ClusterError(Exception):
    """Says in one sentence what is wrong and, where that is known, what to do about it."""
