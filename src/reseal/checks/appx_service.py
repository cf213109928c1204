"""The AppX deployment service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, error
from reseal.mark import Mark
from reseal.windows.services import DISABLED, start_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

SERVICE = "AppXSvc"


@check(
    "appx-service",
    "The AppX deployment service can start.",
    mark=Mark.REPORTED,
    source="two build diaries of Windows 11 24H2 images with the log line and the cure",
    entry_points=("appxsysprep.dll,SysprepGeneralizeValidate",),
    sysprep_says="ActionPlatform::LaunchModule: Failure occurred while executing "
    "'SysprepGeneralizeValidate' from C:\\Windows\\System32\\AppxSysprep.dll; dwRet = 0x422",
    code="0x80070422",
)
def appx_service(session: Session) -> Iterable[Finding]:
    """Sysprep queries the service for installed apps, and fails with ERROR_SERVICE_DISABLED.

    With the service disabled, a clone can't set up the apps of a new user (inferred).
    """
    if start_of(session.registry, SERVICE) == DISABLED:
        yield error(
            f"The AppX deployment service ({SERVICE}) is disabled. Sysprep and the first logon of "
            "every user need it.",
            f"Boot the image and run `sc config {SERVICE} start= demand`.",
        )
