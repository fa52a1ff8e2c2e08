"""What every kind's status is made of: times, texts that are cut, numbers in bounds."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, Field, PlainSerializer, WithJsonSchema

from lockstep.api.base import Cut

_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2999


def _seconds(value: datetime) -> str:
    return value.isoformat(timespec="seconds").replace("+00:00", "Z")


def _milliseconds(value: datetime) -> str:
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _reckonable(value: datetime) -> datetime:
    """Anybody with rights on status may write year 9999, to which no soak can be added."""
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise ValueError(f"must be a time from {_FIRST_YEAR} to {_LAST_YEAR}")
    return value


_Moment = Annotated[AwareDatetime, AfterValidator(_reckonable)]

_SCHEMA = WithJsonSchema(
    {
        "type": "string",
        "format": "date-time",
        "maxLength": 40,
        "pattern": "^2[0-9]{3}-[0-9T:.-]+Z$",
    }
)

Second = Annotated[_Moment, PlainSerializer(_seconds, return_type=str), _SCHEMA]
"""An aware UTC time in whole seconds on the wire, as conditions have it everywhere."""

Instant = Annotated[_Moment, PlainSerializer(_milliseconds, return_type=str), _SCHEMA]
"""An aware UTC time in milliseconds on the wire: gates are asked as often as every second."""

Word = Annotated[str, Cut(64)]

RevisionId = Annotated[str, Field(max_length=63, pattern="^[0-9a-z]+$")]
"""What becomes a label's value: a status that says anything else is nobody's of ours."""

Short = Annotated[str, Cut(512)]

Sentence = Annotated[str, Cut(1024)]

LINE: Final = 256

Line = Annotated[str, Cut(LINE)]
"""A sentence of which status holds many: all of it stays below 100 KiB."""

Count = Annotated[int, Field(ge=0, le=2**31 - 1)]

Share = Annotated[int, Field(ge=0, le=100)]

Decimal = Annotated[str, Field(max_length=32)]
"""A number as a decimal string: status holds no floats."""

Person = Annotated[str, Cut(253)]
"""A user name as the API server knows it."""

Uid = Annotated[str, Cut(36)]
