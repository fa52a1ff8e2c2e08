"""What all tests share: how a soak is drawn."""

import pytest

from tests import sampling


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("markexpr") == "soak":
        worker = hasattr(config, "workerinput")
        config.pluginmanager.register(sampling.plugin(worker=worker), "soak")
