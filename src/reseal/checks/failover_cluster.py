"""Nodes of a failover cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, warning
from reseal.mark import Mark
from reseal.windows import services

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

#: The configuration of the cluster, a hive that only a node has.
DATABASE = r"Cluster\CLUSDB"


@check(
    "failover-cluster",
    "The machine is not a node of a failover cluster.",
    mark=Mark.REPORTED,
    source="Microsoft, Clear-ClusterNode: removes the configuration of a cluster from a node that was "
    "destroyed or evicted (documented); its database in Windows/Cluster: reported",
)
def failover_cluster(session: Session) -> Iterable[Finding]:
    """Copies of a node claim to be the same node of the cluster.

    The node's id is in the database of the cluster, which its other nodes share, so it can't be removed
    here.
    """
    stat = session.files.stat(session.installation.path(DATABASE))
    if stat is not None and services.installed(session.registry, "ClusSvc"):
        yield warning(
            "The machine is a node of a failover cluster. Every copy would claim to be this node.",
            "Evict the node before you build the image (Remove-ClusterNode), or run Clear-ClusterNode in "
            "it; add the copies to a cluster afterwards.",
        )
