"""Whether Windows Setup has finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, error, note, warning
from reseal.mark import Mark
from reseal.windows import setup
from reseal.windows.setup import SetupState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

#: Commands that Setup itself runs at the next boot, without folder and arguments.
OWN_COMMANDS = frozenset({"windeploy.exe", "setup.exe", "oobeldr.exe", "audit.exe"})


@check(
    "windows-setup",
    "Windows Setup has finished.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep (System Preparation) Overview: Dependencies; Windows Setup States; "
    "SetupType and CmdLine: seen, and reported of deployment tools",
    order=30,  # the state of Windows as a whole
)
def windows_setup(session: Session) -> Iterable[Finding]:
    """Sysprep runs only after Windows Setup has run ("You must run Windows Setup", documented).

    An image that was applied from install.wim and never booted is already generalized. If Setup stopped
    halfway, ImageState is IMAGE_STATE_UNDEPLOYABLE. In audit mode Setup waits for Sysprep, which may
    also run before OOBE. Deployment tools make the next boot run a command of theirs; arming the image
    replaces it.
    """
    state = SetupState.of(session.installation)
    if state.generalized:
        yield note(
            "The image is already generalized, as a freshly applied image is: its next boot runs "
            "specialize."
        )
    elif state.image_state == setup.UNDEPLOYABLE:
        # The check sysprep-state reports a failed run of Sysprep.
        if state.generalization_state in {None, setup.GENERALIZED, setup.SPECIALIZED}:
            yield error(
                f"Windows Setup has not finished: ImageState is {state.image_state}.",
                "Boot the image and let Setup finish. If it can't, use an image in which it has finished.",
            )
    elif state.image_state == setup.SPECIALIZE_RESEAL_TO_OOBE:
        yield note("The image has not completed OOBE yet; it will be specialized once more.")
    command = state.cmd_line or ""
    if state.setup_type and command and not OWN_COMMANDS.intersection(_words(command)):
        yield warning(
            f"The next boot would run {command}; generalizing replaces this command.",
            "If the command has to run first, boot the image and let it finish.",
        )


def _words(command: str) -> list[str]:
    return command.lower().replace("\\", " ").replace('"', " ").split()
