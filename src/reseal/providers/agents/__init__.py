"""Agents that Sysprep does not know: one row each, and a provider for each row.

What no source confirms is not done. Looked for and not found, and therefore absent: an identity that
VMware Tools or the QEMU guest agent keep, what SentinelOne keeps and whether it may be deleted, what
is left of a registration of the AWS Systems Manager agent when its files go, the ids of the Azure VM
agent.
"""

from reseal.providers.agents.cloud import CLOUD
from reseal.providers.agents.declaration import Agent, Line
from reseal.providers.agents.management import MANAGEMENT
from reseal.providers.agents.security import SECURITY
from reseal.providers.agents.services import SERVICES

AGENTS: tuple[Agent, ...] = (*SERVICES, *MANAGEMENT, *SECURITY, *CLOUD)

__all__ = ["AGENTS", "Agent", "Line"]
