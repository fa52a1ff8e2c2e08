"""What is written as YAML in the pages, each as the manifest that its reader makes of it."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from tests.pages.commands import PAGES, Block, blocks_of_page
from tests.unit.api.manifests import MODEL_DEPLOYMENT

Manifest = dict[str, Any]

DEFINED: Final = {
    "PrometheusRule": ("monitoring.coreos.com", "prometheusrules"),
    "PodMonitor": ("monitoring.coreos.com", "podmonitors"),
}
"""What a cluster with the Prometheus Operator knows besides."""
NOT_OBJECTS: Final = {
    "rule_files": "Prometheus' own file; tests/unit/manifests/test_prometheus.py reads the rules",
    "relabel_configs": "Prometheus' own file; tests/unit/manifests/test_prometheus.py compares it",
    "healthCheckExprs": "of a Kustomization of Flux; its CEL is read by no test",
    "patches": "of the kustomization above it, together with which it is applied",
}
"""By their first key."""


def definitions() -> Iterator[Manifest]:
    """CRDs that know the names and nothing else."""
    for kind, (group, plural) in DEFINED.items():
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        version = {
            "name": "v1",
            "served": True,
            "storage": True,
            "schema": {"openAPIV3Schema": schema},
        }
        yield {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {
                "group": group,
                "scope": "Namespaced",
                "names": {"kind": kind, "plural": plural},
                "versions": [version],
            },
        }


def blocks() -> list[Block]:
    return [it for page in PAGES for it in blocks_of_page(page) if it.language == "yaml"]


def manifests(block: Block) -> list[Manifest]:
    """A whole manifest is itself; a piece of a ModelDeployment is put where it belongs."""
    found = [*yaml.safe_load_all(block.text)]
    return [it if "kind" in it else _whole(it) for it in found]


def is_object(block: Block) -> bool:
    """Whether it is for the API server: a kustomization is not."""
    first = next(iter(yaml.safe_load_all(block.text)))
    return next(iter(first)) not in NOT_OBJECTS and first.get("kind") != "Kustomization"


def _whole(piece: Mapping[str, Any]) -> Manifest:
    whole = copy.deepcopy(MODEL_DEPLOYMENT)
    inside = piece.get("spec", piece)
    if "stages" in inside:
        inside = {"strategy": {"canary": inside}}
    whole["spec"] = {**whole["spec"], **inside}
    return whole
