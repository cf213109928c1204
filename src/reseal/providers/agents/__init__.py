"""Agents that Sysprep does not know: one table row, and so one provider, for each agent.

Only removals that a source confirms are included; `reseal.providers.agents.known` has products that are
recognised only. Left out, because no source was found: an identity kept by VMware Tools, the ids of the
Azure VM agent, and what remains of an AWS Systems Manager agent's registration without its files. The QEMU
guest agent keeps none: its state file holds a counter of open files (seen in qemu's qga/main.c).
"""

from reseal.providers.agents.cloud import CLOUD
from reseal.providers.agents.declaration import Agent, Line
from reseal.providers.agents.management import MANAGEMENT
from reseal.providers.agents.monitoring import MONITORING
from reseal.providers.agents.remote import REMOTE
from reseal.providers.agents.runners import RUNNERS
from reseal.providers.agents.security import SECURITY
from reseal.providers.agents.services import SERVICES

AGENTS: tuple[Agent, ...] = (
    *SERVICES, *MANAGEMENT, *SECURITY, *CLOUD, *MONITORING, *REMOTE, *RUNNERS,
)  # fmt: skip

__all__ = ["AGENTS", "Agent", "Line"]
