"""PowerShell Desired State Configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import matching

if TYPE_CHECKING:
    from reseal.session import Session

DSC = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\DSC"
CONFIGURATION = r"System32\Configuration"


@provider(
    "dsc",
    "Delete the DSC agent id",
    mark=Mark.REPORTED,
    source="https://github.com/PowerShell/DscResources/issues/296: images share the AgentId, which Sysprep "
    "did not remove; without it a node gets another one when it registers. That Microsoft's DscCore.dll "
    "does this in Sysprep: inferred from its entry point",
    entry_points=("dsccore.dll,SysPrep_Cleanup",),
    beyond=True,
    identity="the DSC agent id",
    renewal="The Local Configuration Manager generates an id when the clone registers at a pull server.",
)
def dsc(session: Session) -> None:
    """The id by which a pull server knows the node.

    Clones that share `AgentId` get each other's configuration and report as one node. reseal deletes the
    value. The configuration that was applied, with the registration, stays: the provider
    dsc-configuration deletes it.
    """
    session.delete_value(DSC, "AgentId")


@provider(
    "dsc-configuration",
    "Delete the configurations that DSC has applied or is to apply",
    mark=Mark.INFERRED,
    source="places: documented (Microsoft, Debugging DSC; about_DSC_Configurations: MOF files in "
    "System32/Configuration); that they identify a node: inferred, since a configuration is compiled for "
    "one node and MetaConfig.mof names its registration",
    default=False,
    beyond=True,
    identity="the DSC configurations of the old node",
    renewal="Apply a configuration to the clone, or register it at a pull server.",
)
def dsc_configuration(session: Session) -> None:
    r"""Configurations that were compiled for the old machine.

    `MetaConfig.mof`, `Current.mof`, `Pending.mof` and `Previous.mof` in `System32\Configuration`, with
    their backups, may hold credentials, and clones apply them. Windows encrypts them for the machine.
    Images for which a configuration was applied on purpose keep them.
    """
    for path in matching(session, session.installation.path(CONFIGURATION, "*.mof")):
        session.delete_file(path)
