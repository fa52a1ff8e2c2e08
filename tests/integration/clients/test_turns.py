"""Whose turn it is at one Prometheus."""

from datetime import UTC, datetime

from lockstep.clients.turns import (
    PLACES,
    SHARE,
    Turns,
)
from lockstep.core.gates.question import Question
from lockstep.core.key import Key

AT = datetime(2026, 8, 1, tzinfo=UTC)
PAY, RISK = Key("ModelDeployment", "pay", "fraud"), Key("ModelDeployment", "risk", "score")


def question(name: str) -> Question:
    return Question("", name, AT)


def asking(turns: Turns, key: Key, *names: str) -> None:
    for name in names:
        turns.add(key, question(name))


def taken(turns: Turns) -> list[str]:
    """All that can be put now, in order."""
    found = []
    while turn := turns.take():
        found.append(turn[1].query)
    return found


def serial(turns: Turns) -> list[str]:
    """All of it, one after the other."""
    found = []
    while turn := turns.take():
        turns.ended(turn[0], answered=True)
        found.append(turn[1].query)
    return found


def silenced(turns: Turns, namespace: str) -> None:
    turns.add(Key("ModelDeployment", namespace, "x"), question(f"{namespace}-silence"))
    assert turns.take()
    turns.ended(namespace, answered=False)


def test_namespaces_take_turns_however_much_each_asks() -> None:
    turns = Turns()
    asking(turns, PAY, "a1", "a2", "a3")
    asking(turns, RISK, "b1")
    assert serial(turns) == ["a1", "b1", "a2", "a3"]


def test_so_do_the_models_of_a_namespace() -> None:
    turns = Turns()
    asking(turns, PAY, "a1", "a2")
    asking(turns, Key("ModelDeployment", "pay", "churn"), "b1", "b2")
    assert serial(turns) == ["a1", "b1", "a2", "b2"]


def test_who_asks_something_else_instead_keeps_the_place_in_the_line() -> None:
    turns = Turns()
    asking(turns, PAY, "old")
    asking(turns, Key("ModelDeployment", "pay", "churn"), "b1")
    asking(turns, PAY, "new")
    assert turns.drop(PAY, question("old"))
    assert serial(turns) == ["new", "b1"]


def test_a_question_of_many_is_put_once_and_with_the_first_turn() -> None:
    turns = Turns()
    asking(turns, PAY, "a1", "a2", "shared")
    asking(turns, RISK, "shared")
    assert len(turns) == 3
    assert serial(turns) == ["a1", "shared", "a2"]
    assert (len(turns), turns.busy) == (0, 0)


def test_what_one_drops_others_still_want() -> None:
    turns = Turns()
    asking(turns, PAY, "shared")
    asking(turns, RISK, "shared")
    assert not turns.drop(PAY, question("shared"))
    assert serial(turns) == ["shared"]


def test_a_namespace_has_a_share_of_the_places() -> None:
    turns = Turns()
    asking(turns, PAY, *(f"a{number}" for number in range(PLACES)))
    assert len(taken(turns)) == SHARE
    asking(turns, RISK, "b1")
    assert taken(turns) == ["b1"]
    turns.ended("pay", answered=True)
    assert taken(turns) == [f"a{SHARE}"]


def test_all_places_are_no_more_than_there_are() -> None:
    turns = Turns()
    for number in range(2 * PLACES):
        asking(turns, Key("ModelDeployment", f"team-{number}", "x"), f"q{number}")
    assert len(taken(turns)) == turns.busy == PLACES


def test_who_finds_no_answer_has_one_place_until_there_were_some_again() -> None:
    turns = Turns()
    silenced(turns, "pay")
    asking(turns, PAY, *(f"a{number}" for number in range(9)))
    assert taken(turns) == ["a0"]
    for number in (1, 2):
        turns.ended("pay", answered=True)
        assert (taken(turns), turns.silent("pay")) == ([f"a{number}"], True)
    turns.ended("pay", answered=True)
    assert not turns.silent("pay")
    assert len(taken(turns)) == SHARE


def test_all_who_find_no_answer_leave_half_of_the_places_to_others() -> None:
    turns = Turns()
    for number in range(2 * PLACES):
        silenced(turns, f"team-{number}")
    for number in range(2 * PLACES):
        asking(turns, Key("ModelDeployment", f"team-{number}", "x"), f"q{number}")
    assert len(taken(turns)) == PLACES // 2
    asking(turns, PAY, "good")
    assert taken(turns) == ["good"]
