"""What is asked again of the same objects is found once; of equal ones it is found anew."""

from lockstep.core.last import of_last


def test_the_same_in_a_row_is_found_once() -> None:
    asked: list[tuple[object, object]] = []

    @of_last
    def pair(one: object, other: object) -> tuple[object, object]:
        asked.append((one, other))
        return one, other

    first, equal, second = [1], [1], [2]
    assert pair(first, second) is pair(first, second)
    assert len(asked) == 1
    assert pair(equal, second)[0] is equal
    assert pair(first, second)[0] is first
    assert len(asked) == len(("the first", "an equal one", "the first again"))
