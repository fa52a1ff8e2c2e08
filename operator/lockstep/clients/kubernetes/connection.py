"""The way to one API server: address, certificates, credentials. What is said there is not here."""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import Configuration
from kubernetes.aio.config.config_exception import ConfigException

from lockstep.errors import InvariantError

_BEARER = "BearerToken"


class Routing(TypedDict):
    """``server_hostname``: the name in the server's certificate where it is not that of its URL."""

    proxy: str | None
    server_hostname: str | None


@dataclass(frozen=True, slots=True)
class Connection:
    """``kubeconfig`` None: the pod's own service account, or what KUBECONFIG names elsewhere."""

    configuration: Configuration
    kubeconfig: Path | None
    user_agent: str

    @property
    def server(self) -> str:
        return str(self.configuration.host)

    @property
    def ssl_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.configuration.ssl_ca_cert)
        if self.configuration.cert_file:
            context.load_cert_chain(self.configuration.cert_file, self.configuration.key_file)
        if not self.configuration.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    async def headers(self) -> dict[str, str]:
        """Who we are; a projected token is read anew once a minute."""
        known = {"User-Agent": self.user_agent}
        token = await self.configuration.get_api_key_with_prefix(_BEARER)
        return {**known, "Authorization": token} if token else known

    async def renew(self) -> None:
        """Read the credentials again after they were refused."""
        await _load(self.configuration, self.kubeconfig)

    @property
    def routing(self) -> Routing:
        """What a kubeconfig says about the way there; part of every request."""
        proxy, name = self.configuration.proxy, self.configuration.tls_server_name
        return Routing(proxy=proxy or None, server_hostname=name or None)

    def session(self, connections: int) -> aiohttp.ClientSession:
        """A session of its own, with at most so many connections at a time."""
        connector = aiohttp.TCPConnector(limit=connections, ssl=self.ssl_context)
        return aiohttp.ClientSession(connector=connector)


async def connect(kubeconfig: Path | None, user_agent: str) -> Connection:
    """Find the API server.

    Raises:
        InvariantError: There is neither a service account nor a kubeconfig.
    """
    configuration = Configuration()
    try:
        await _load(configuration, kubeconfig)
    except (ConfigException, OSError) as error:
        raise InvariantError(f"no way to a cluster is known: {error}") from error
    return Connection(configuration, kubeconfig, user_agent)


async def _load(configuration: Configuration, kubeconfig: Path | None) -> None:
    if kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ:
        config.load_incluster_config(client_configuration=configuration)
        return
    path = str(kubeconfig) if kubeconfig else os.environ.get("KUBECONFIG")
    await config.load_kube_config(
        config_file=path, client_configuration=configuration, persist_config=False
    )
