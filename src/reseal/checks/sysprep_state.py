"""The recorded state of earlier runs of Sysprep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, error
from reseal.mark import Mark
from reseal.windows import setup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

_HINT = (
    "Boot the image and look for the cause in {log}, or reset the recorded state with --force "
    "sysprep-state."
)


@check(
    "sysprep-state",
    "No earlier run of Sysprep has failed.",
    mark=Mark.REPORTED,
    source="log lines of failed runs (seen); GeneralizationState 3 after them: an offline inspection "
    "and a support guide; CleanupState 2: finished installations (seen); SysprepCorrupt: scripts that "
    "delete it before they try again",
    sysprep_says="RunDlls:Not running DLLs; either the machine is in an invalid state or we couldn't "
    "update the recorded state, dwRet = 0x1f",
    code="0x8007001f",
    order=30,  # the state of Windows as a whole
)
def sysprep_state(session: Session) -> Iterable[Finding]:
    r"""A run that failed or was interrupted leaves GeneralizationState 3, and SysprepCorrupt.

    The next run of Sysprep then stops at once. 7 means a finished installation, 4 a generalized one;
    other values are unknown and count as 3 (inferred). Finished installations have CleanupState 2 (seen)
    or no such value; others count as an error. With the check overridden, the run replaces the recorded
    state with that of a generalized image.
    """
    registry = session.registry
    hint = _HINT.format(log=session.installation.path(setup.SYSPREP, "Panther", "setuperr.log"))
    number = registry.number(setup.SYSPREP_STATUS, "GeneralizationState")
    if number not in {None, setup.GENERALIZED, setup.SPECIALIZED}:
        words = " (failed or interrupted)" if number == setup.GENERALIZE_FAILED else ""
        yield error(
            f"Sysprep's recorded state is invalid: GeneralizationState {number}{words}.", hint
        )
    cleanup = registry.number(setup.SYSPREP_STATUS, "CleanupState")
    if cleanup not in {None, setup.CLEANUP_IDLE}:
        message = f"Sysprep's recorded state is invalid: CleanupState {cleanup}"
        yield error(f"{message}; finished installations have 2.", hint)
    if registry.value(setup.SYSPREP_REGISTRY, setup.SYSPREP_CORRUPT) not in {None, 0, ""}:
        yield error("An earlier run of Sysprep failed: SysprepCorrupt is set.", hint)
