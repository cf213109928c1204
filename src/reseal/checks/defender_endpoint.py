"""Microsoft Defender for Endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, warning
from reseal.mark import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

STATUS = r"HKLM\SOFTWARE\Microsoft\Windows Advanced Threat Protection\Status"
ONBOARDED = 1


@check(
    "defender-endpoint",
    "The machine is not onboarded to Defender for Endpoint.",
    mark=Mark.SEEN,
    source="log of a run that failed on it (actions/runner-images, issue 9659); OnboardingState: "
    "documented by Microsoft",
    sysprep_says="ActionPlatform::DeleteValue: Error from RegDeleteValueW for value senseGuid under key "
    "HKEY_LOCAL_MACHINE\\Software\\Microsoft\\Windows Advanced Threat Protection; dwRet = 0x5",
    code="0x80070005",
)
def defender_endpoint(session: Session) -> Iterable[Finding]:
    """The running sensor protects its own id, so Sysprep fails to delete it.

    Offline it is not protected. A clone reports to the original's tenant (inferred).
    """
    if session.registry.number(STATUS, "OnboardingState") == ONBOARDED:
        yield warning(
            "The machine is onboarded to Defender for Endpoint, and Sysprep itself would fail.",
            "Run the offboarding script before you seal the image, and onboard the clones.",
        )
