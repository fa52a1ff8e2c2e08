"""A word of a closed list, with its meaning: whoever adds one says what it is."""

from enum import StrEnum
from typing import Self


class Meant(StrEnum):
    """A CamelCase word that users read, and the sentence that the reference has for it."""

    meaning: str

    def __new__(cls, word: str, *_: object) -> Self:
        member = str.__new__(cls, word)
        member._value_ = word
        return member

    def __init__(self, _word: str, meaning: str) -> None:
        self.meaning = meaning
