"""Prefetch, SuperFetch and ReadyBoost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import delete_matching, empty

if TYPE_CHECKING:
    from reseal.session import Session

READY_BOOST = r"HKLM\SYSTEM\CurrentControlSet\Services\RdyBoost\Parameters"
_VALUES = (
    "BootPlan",
    "ReadyBootVolumeUniqueId",
    "ReadyBootPlanAge",
    "LastBootPlanUserTime",
    "EffectivePends",
    "BootCountwithPends",
)
#: Drives that were tested for ReadyBoost, by serial number.
EXTERNAL_MEMORY = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\EMDMgmt"
PREFETCH = "Prefetch"


@provider(
    "prefetch",
    "Delete the traces of the old machine's startup and of its drives",
    mark=Mark.REPORTED,
    source="interoperability notes on sysmain.dll: PfSvSysprepCleanup deletes these values, this key "
    "and the content of these folders",
    entry_points=("sysmain.dll,PfSvSysprepCleanup",),
)
def prefetch(session: Session) -> None:
    r"""Which programs ran, from which volumes, and how the machine started.

    Sysprep deletes the traces in `Windows\Prefetch` and its `ReadyBoot` folder, the boot plan in the
    parameters of RdyBoost, and `EMDMgmt`, which lists drives by serial number. reseal does the same in
    every control set. Values of the service SysMain stay, since no source names their key.
    """
    for name in _VALUES:
        session.delete_value(READY_BOOST, name)
    session.delete_key(EXTERNAL_MEMORY)
    delete_matching(session, session.installation.path(PREFETCH, "*"))
    empty(session, session.installation.path(PREFETCH, "ReadyBoot"))
