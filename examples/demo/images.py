"""Builds what the demo runs: the model server once, each version of the model as an artifact."""

from pathlib import Path

from examples.demo.manifests import EXAMPLES, MODEL_TAGS, SERVER_TAG
from tests.cluster import Cluster, base_image, build_image, wheelhouse

HERE = EXAMPLES / "model_server"


def pinned(cluster: Cluster) -> dict[str, str]:
    """The digest in ``cluster``'s registry of every tag in the examples; built where missing."""
    server = server_image(cluster)
    models = {tag: model_artifact(cluster, server, version) for version, tag in MODEL_TAGS.items()}
    return {SERVER_TAG: server, **models}


def server_image(cluster: Cluster) -> str:
    """The model server, without a model."""
    lock = HERE / "requirements.lock"
    return build_image(
        cluster,
        "ml/model-server",
        args={"BASE_IMAGE": base_image(cluster)},
        files={
            "Dockerfile": HERE / "Dockerfile",
            "server.py": HERE / "server.py",
            lock.name: lock,
            "wheels": wheelhouse(lock),
        },
    )


def model_artifact(cluster: Cluster, server: str, version: str) -> str:
    """One version of the fraud model: trained in the build, by the libraries that will serve it."""
    return build_image(
        cluster,
        "ml/fraud",
        args={"SERVER_IMAGE": server, "VERSION": version},
        files=_files("Dockerfile.model", "train.py"),
    )


def _files(containerfile: str, *names: str) -> dict[str, Path]:
    return {"Dockerfile": HERE / containerfile, **{name: HERE / name for name in names}}
