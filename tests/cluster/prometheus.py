"""The scrape configuration, the same on every flavor: annotated pods, once a second."""

from typing import Any

import yaml

ANNOTATION = "__meta_kubernetes_pod_annotation_prometheus_io_"
LABEL = "__meta_kubernetes_pod_label_lockstep_dev_"


def _copy(source: str, target: str) -> dict[str, Any]:
    return {"source_labels": [source], "target_label": target}


RELABELLING: tuple[dict[str, Any], ...] = (
    {"source_labels": [ANNOTATION + "scrape"], "regex": "true", "action": "keep"},
    {
        "source_labels": ["__meta_kubernetes_pod_phase"],
        "regex": "Pending|Succeeded|Failed",
        "action": "drop",
    },
    {
        "source_labels": [ANNOTATION + "path"],
        "regex": "(.+)",
        "target_label": "__metrics_path__",
    },
    {
        "source_labels": ["__meta_kubernetes_pod_ip", ANNOTATION + "port"],
        "regex": r"([^;]+);(\d+)",
        "replacement": "$1:$2",
        "target_label": "__address__",
    },
    _copy(LABEL + "revision", "revision"),
    _copy(LABEL + "deployment", "model_deployment"),
    _copy("__meta_kubernetes_namespace", "namespace"),
    _copy("__meta_kubernetes_pod_name", "pod"),
)  # what users' own Prometheus does with the relabelling that manifests/ ships


def configuration(kubeconfig: str = "") -> str:
    """``prometheus.yml``. Without a kubeconfig it uses the service account of its own pod."""
    discovery = {"role": "pod", **({"kubeconfig_file": kubeconfig} if kubeconfig else {})}
    job = {
        "job_name": "pods",
        "kubernetes_sd_configs": [discovery],
        "relabel_configs": list(RELABELLING),
    }
    told = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "900ms"},
        "scrape_configs": [job],
    }
    return yaml.safe_dump(told, sort_keys=False)


def reader(name: str, subject: dict[str, str]) -> list[dict[str, Any]]:
    """The role that lets ``subject`` find pods."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    return [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name},
            "rules": [
                {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": role,
            "subjects": [subject],
        },
    ]
