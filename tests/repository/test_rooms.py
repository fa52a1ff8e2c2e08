"""Every room of a kind is in the contracts that keep kinds apart, from its first module on."""

import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
HOUSE: Final = ROOT / "operator/lockstep"
SHARED_ROOMS: Final = {"loop", "watch", "process", "telemetry", "gates", "governance", "ledger"}


def contracts() -> dict[str, dict[str, Any]]:
    written = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {it["name"]: it for it in written["tool"]["importlinter"]["contracts"]}


def modules(layer: str) -> set[str]:
    """What stands in a layer and is no room of a kind."""
    found = {it.stem for it in (HOUSE / layer).iterdir() if not it.name.startswith("__")}
    return found - kinds(layer)


def kinds(layer: str) -> set[str]:
    rooms = {it.name for it in (HOUSE / layer).iterdir() if (it / "__init__.py").exists()}
    return rooms - SHARED_ROOMS


def test_the_loop_may_import_no_kind() -> None:
    forbidden = set(contracts()["the loop and the watches know no kind"]["forbidden_modules"])
    rooms = {f"lockstep.{layer}.{kind}" for layer in ("core", "shell") for kind in kinds(layer)}
    assert forbidden == rooms


def test_what_is_shared_may_import_no_kind() -> None:
    contract = contracts()["what kinds share knows none of them"]
    assert set(contract["forbidden_modules"]) == {f"lockstep.core.{it}" for it in kinds("core")}
    assert set(contract["source_modules"]) == {f"lockstep.core.{it}" for it in modules("core")}


def test_two_kinds_import_nothing_of_each_other() -> None:
    for layer in ("core", "shell"):
        rooms = {f"lockstep.{layer}.{it}" for it in kinds(layer)}
        if len(rooms) > 1:
            apart = contracts()[f"kinds in {layer} import nothing of each other"]
            assert (apart["type"], set(apart["modules"])) == ("independence", rooms)
