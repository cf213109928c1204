"""Agents that Sysprep does not know: one table row, and so one provider, for each agent.

Only removals that a source confirms are included. Left out, because no source was found: an identity
kept by VMware Tools or the QEMU guest agent, SentinelOne's data and whether it may be deleted, what
remains of an AWS Systems Manager agent's registration without its files, and the ids of the Azure VM
agent.
"""

from reseal.providers.agents.cloud import CLOUD
from reseal.providers.agents.declaration import Agent, Line
from reseal.providers.agents.management import MANAGEMENT
from reseal.providers.agents.security import SECURITY
from reseal.providers.agents.services import SERVICES

AGENTS: tuple[Agent, ...] = (*SERVICES, *MANAGEMENT, *SECURITY, *CLOUD)

__all__ = ["AGENTS", "Agent", "Line"]
