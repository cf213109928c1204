"""The telemetry identifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider

if TYPE_CHECKING:
    from reseal.session import Session

SQM_CLIENT = r"HKLM\SOFTWARE\Microsoft\SQMClient"


@provider(
    "telemetry-id",
    "Delete the machine's telemetry identifier",
    mark=Mark.DOCUMENTED,
    source="Microsoft Japan Windows support blog, 2023-01-11, on machines that share an SQMClient "
    "MachineId: generalize deletes it, and each machine generates its own",
    entry_points=("sqmapi.dll,SqmSysprepGeneralize", "sqmapi.dll,SqmSysprepCleanup"),
    identity="the telemetry identifier",
)
def telemetry(session: Session) -> None:
    r"""The identifier under which error reports and usage data are sent.

    Sysprep deletes `MachineId` under `SOFTWARE\Microsoft\SQMClient`, and Windows generates a new one when
    it first needs it; reseal does the same. Other values of the key, such as `CEIPEnable`, are settings
    and stay.
    """
    session.delete_value(SQM_CLIENT, "MachineId")
