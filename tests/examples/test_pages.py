"""What people read is so: links lead somewhere, and what pages say of the code is what it says."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lockstep.api.decision import Act
from lockstep.api.model_deployment import ModelDeploymentSpec
from lockstep.api.model_deployment_status import RevisionStatus
from lockstep.api.strategy import BlueGreen, Strategy
from lockstep.core.rollout.stages import FIRST, INITIAL, RETURNED, steps

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
CODE = re.compile(r"(?s)```.*?```|`[^`\n]*`")
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")


def anchors(page: Path) -> set[str]:
    """The names that headings have in links, as code hosts make them."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def links(page: Path) -> list[tuple[str, str]]:
    return LINK.findall(CODE.sub("", page.read_text()))


def dead(page: Path) -> Iterator[str]:
    for path, anchor in links(page):
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield f"{path}#{anchor}" if anchor else path


@pytest.mark.parametrize("read", PAGES, ids=lambda read: str(read.relative_to(ROOT)))
def test_no_link_is_dead(read: Path) -> None:
    assert not [*dead(read)]


def test_every_page_of_the_documentation_is_found_from_its_first_one() -> None:
    docs = ROOT / "docs"
    linked = {(docs / path).resolve() for path, _ in links(docs / "README.md")}
    assert {page for page in docs.rglob("*.md") if page != docs / "README.md"} <= linked


def page(path: str) -> str:
    return (ROOT / "docs" / path).read_text()


def test_the_strategy_that_blue_green_is_explained_with_is_whole() -> None:
    (block,) = re.findall(r"(?s)```yaml\n(.*?)```", page("how-to/blue-green.md"))
    explained = Strategy.model_validate(yaml.safe_load(block)["strategy"]).blue_green
    assert explained
    assert explained.model_fields_set == set(BlueGreen.model_fields)


STRATEGIES: dict[str, dict[str, object]] = {
    "canary": {"stages": [{"name": "few", "weight": 5}], "bake": {"duration": "1h"}},
    "blueGreen": {"postPromotion": {"duration": "1h"}},
    "rolling": {},
}


def spec(strategy: str) -> ModelDeploymentSpec:
    container = {"name": "server", "image": f"registry.example.com/server@sha256:{'5e' * 32}"}
    return ModelDeploymentSpec.model_validate(
        {
            "model": {"version": "1.0.0"},
            "template": {"spec": {"containers": [container]}},
            "strategy": {strategy: STRATEGIES[strategy]},
        }
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_steps_of_a_strategy_are_listed(strategy: str) -> None:
    (row,) = re.findall(rf"(?m)^\| `{strategy}` \|(.*)$", page("explanation/rollout.md"))
    walked = [step.name for step in steps(spec(strategy), None) if step.name != "few"]
    assert re.findall(r"`([a-z-]+)`", row) == walked


def test_the_steps_of_a_return_and_of_a_first_revision_are_listed() -> None:
    back = RevisionStatus(revision="7f9c2b1e", version="1.0.0", ungated=RETURNED)
    (direct,) = steps(spec("canary"), back)
    told = page("explanation/rollout.md")
    assert all(f"`{name}`" in told for name in (direct.name, FIRST, INITIAL))


@pytest.mark.parametrize("act", Act)
def test_every_act_is_explained(act: Act) -> None:
    (table,) = re.findall(r"(?s)\| Act \| Effect \|\n(.*?)\n\n", page("explanation/rollout.md"))
    assert act.value in re.findall(r"\w+", "".join(re.findall(r"(?m)^\|[^|]+\|", table)))


EXPLAINED = ("rollout", "security", "speed", "faults", "gates", "traffic", "revisions", "config")


@pytest.mark.parametrize("name", EXPLAINED)
def test_an_explanation_begins_with_answers_and_ends_with_measurements(name: str) -> None:
    first, *sections = re.split(r"(?m)^## ", page(f"explanation/{name}.md"))
    assert "\n|---|" in first + "".join(sections[:1]), "answers at a glance"
    titles = [section.partition("\n")[0] for section in sections]
    measured = [title for title in titles if title.startswith("Measure")]
    assert measured in ([], ["Measurements"])
    assert not measured or titles[-1] == "Measurements"
