"""The table of resources agrees with what the CRDs are made from."""

from lockstep.api.base import GROUP
from lockstep.api.crds import KINDS
from lockstep.api.resources import BY_KIND, RESOURCES


def test_our_kinds_are_in_the_table_as_their_crds_are_made() -> None:
    table = {(it.kind, it.plural, it.namespaced) for it in RESOURCES if it.group == GROUP}
    assert table == {(it.kind, it.plural, it.scope == "Namespaced") for it in KINDS}


def test_a_kind_comes_once() -> None:
    assert len(BY_KIND) == len(RESOURCES)


def test_what_is_watched_may_be_listed_and_watched() -> None:
    assert all({"list", "watch"} <= set(it.verbs) for it in RESOURCES if it.selectors)
