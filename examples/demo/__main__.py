"""`make demo`: a cluster, the operator, and a model in six acts, from first pods to approvals."""

import sys

from rich.console import Console

from examples.demo.errors import DemoError
from examples.demo.hands import Hands
from examples.demo.images import pinned
from examples.demo.play import NAMESPACE, Theatre, play
from examples.demo.show import Show
from examples.demo.summary import announcement
from tests.cluster import ClusterError, base_image, outlook, up
from tests.e2e.deploy import deploy_operator

INTERRUPTED = 130


def main() -> int:
    """The exit code: 0 only if everything went as told."""
    show = Show(Console())
    try:
        show.say(announcement(outlook()))
        cluster = up()
        deploy_operator(cluster)
        images = pinned(cluster)
        theatre = Theatre(Hands(cluster, NAMESPACE), show, images, base_image(cluster))
        told = play(theatre)
    except (DemoError, ClusterError) as error:
        show.say(f"\nThe demo went otherwise: {error}")
        return 1
    except KeyboardInterrupt:
        show.say("\nThe demo was stopped; the cluster is still up, `make cluster-down` ends it")
        return INTERRUPTED
    show.say(f"\n{told}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
