"""A provider for the identity that the Contoso agent keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.providers import provider
from reseal.session import Mark

if TYPE_CHECKING:
    from reseal.session import Session

AGENT = r"HKLM\SOFTWARE\Contoso\Agent"


@provider(
    "contoso-agent",
    "Make the Contoso agent register again",
    mark=Mark.DOCUMENTED,
    source="Contoso, Agent Deployment Guide, Preparing a golden image",
    beyond=True,
)
def contoso_agent(session: Session) -> None:
    r"""The id under which the Contoso server knows this machine.

    The agent stores it in `MachineId`, and its certificate in `ProgramData\Contoso\agent.pfx`. The server
    treats clones that share both as one machine. If both are missing, the agent registers again.
    """
    session.delete_value(AGENT, "MachineId")
    session.delete_file(r"ProgramData\Contoso\agent.pfx")
