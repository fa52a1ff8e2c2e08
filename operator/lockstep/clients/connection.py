"""The way to one API server: address, certificates, credentials. What is said there is not here."""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config.config_exception import ConfigException

from lockstep.errors import InvariantError

_BEARER = "BearerToken"


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

    def client(self, connections: int) -> ApiClient:
        """A client of its own, with at most so many connections at a time and no hidden retries."""
        own = Configuration(
            host=self.configuration.host,
            ssl_ca_cert=self.configuration.ssl_ca_cert,
            cert_file=self.configuration.cert_file,
            key_file=self.configuration.key_file,
            verify_ssl=self.configuration.verify_ssl,
            tls_server_name=self.configuration.tls_server_name,
            proxy=self.configuration.proxy,
            connection_pool_maxsize=connections,
        )
        return ApiClient(own)


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
