"""Whose hand was in a child, as far as the object says. No person's name is written into one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hand:
    """``field`` is not as we write it; ``client`` is the field manager that wrote last, but us."""

    field: str
    client: str

    def __str__(self) -> str:
        return f"{self.field}, through {self.client}" if self.client else self.field
