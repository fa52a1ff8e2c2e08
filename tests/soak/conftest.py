"""The same API server as tests/apiserver has."""

from tests.apiserver.conftest import api_server, kubectl, namespace

__all__ = ["api_server", "kubectl", "namespace"]
