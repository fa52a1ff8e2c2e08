"""The grammar of a JSONPath that cannot take long: a part of RFC 9535, for CEL and for Python.

Names, indexes, ``*``, at most one ``..``, and filters that compare one value with one literal: each
step meets a value at most once. What the standard has beyond it (lists of selectors, filters in
filters, functions with patterns) doubles the work with every few letters.
"""

from typing import Final

_NAME: Final = "[A-Za-z_][A-Za-z0-9_]*"
_QUOTED: Final = r"\x27[^\x27\x5c]*\x27|\x22[^\x22\x5c]*\x22"
_INDEX: Final = "-?[0-9]{1,9}"
WHERE: Final = rf"(\.{_NAME}|\[({_INDEX}|{_QUOTED})\])*"
"""From an entry that a filter looks at to the value that it compares."""
LITERAL: Final = rf"(-?[0-9]{{1,15}}(\.[0-9]{{1,15}})?|true|false|null|{_QUOTED})"
_FILTER: Final = rf"\? *@{WHERE}( *(==|!=|<=|>=|<|>) *{LITERAL})?"
_BRACKETS: Final = rf"\[(\*|{_INDEX}|{_QUOTED}|{_FILTER})\]"
_STEP: Final = rf"(\.({_NAME}|\*)|{_BRACKETS})"

JSON_PATH_PATTERN: Final = rf"^\${_STEP}*(\.\.({_NAME}|\*|{_BRACKETS}){_STEP}*)?$"
JSON_PATH_LENGTH: Final = 512
JSON_PATH_SENTENCE: Final = (
    "must be a JSONPath of names, indexes, *, at most one .. and simple filters: "
    "$.outputs[0].data[0], $..score, $.outputs[?@.name=='p'].data[0]"
)
