"""What the pages give as YAML is what the API server takes."""

from collections.abc import Iterable

import pytest
import yaml

from tests.apiserver import fences
from tests.apiserver.api import Manifest
from tests.apiserver.conftest import Kubectl

pytestmark = pytest.mark.apiserver


@pytest.fixture(scope="module")
def cluster_of_the_pages(kubectl: Kubectl) -> Kubectl:
    """With a namespace and with kinds that the pages take for granted."""
    definitions = yaml.safe_dump_all(fences.definitions())
    kubectl("apply", "-f", "-", stdin=definitions)
    kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", "-", stdin=definitions)
    kubectl("create", "namespace", "payments")
    return kubectl


def test_every_manifest_of_a_page_is_taken(cluster_of_the_pages: Kubectl) -> None:
    """By the server, strictly: a field that it does not know is an error."""
    strictly = ("create", "--dry-run=server", "--validate=strict", "-f", "-")
    asked = {
        f"{it.page}:{it.line}": list(fences.manifests(it))
        for it in fences.blocks()
        if fences.is_object(it)
    }
    assert len(asked) > 10
    ended = {
        where: cluster_of_the_pages.try_(*strictly, *_namespace(it), stdin=yaml.safe_dump_all(it))
        for where, it in asked.items()
    }
    assert not {where: it.stderr for where, it in ended.items() if it.returncode}


def _namespace(manifests: Iterable[Manifest]) -> tuple[str, ...]:
    """For those that say none: other tests have objects of these names in `default`."""
    said = any("namespace" in it["metadata"] for it in manifests)
    return () if said else ("--namespace", "payments")
