"""Whether Windows Setup is through with this installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, error, note, warning
from reseal.mark import Mark
from reseal.windows import setup
from reseal.windows.setup import SetupState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

#: What Setup itself has the next boot run, without its folder and arguments.
OWN_COMMANDS = frozenset({"windeploy.exe", "setup.exe", "oobeldr.exe", "audit.exe"})


@check(
    "windows-setup",
    "Windows Setup has finished with this installation.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep (System Preparation) Overview: Dependencies; Windows Setup States; "
    "SetupType and CmdLine: seen, and reported of deployment tools",
    order=30,  # the state of Windows as a whole
)
def windows_setup(session: Session) -> Iterable[Finding]:
    """Sysprep runs only after Windows Setup has run ("You must run Windows Setup", documented).

    An image that was applied from install.wim and never booted stands generalized already. One whose
    Setup stopped halfway says IMAGE_STATE_UNDEPLOYABLE. In audit mode Setup waits for Sysprep, and
    that is where Sysprep is at home; before OOBE it may run, too. Deployment tools let the next boot
    run a command of theirs, which arming the image replaces.
    """
    state = SetupState.of(session.installation)
    if state.generalized:
        yield note(
            "The image stands generalized already, as a freshly applied image does: its next boot runs "
            "specialize."
        )
    elif state.image_state == setup.UNDEPLOYABLE:
        # What a failed Sysprep left behind is the next check's.
        if state.generalization_state in {None, setup.GENERALIZED, setup.SPECIALIZED}:
            yield error(
                f"Windows Setup has not finished: ImageState is {state.image_state}.",
                "Boot the image and let Setup finish; where it can't, start from an image that it can.",
            )
    elif state.image_state == setup.SPECIALIZE_RESEAL_TO_OOBE:
        yield note("The image has not been through OOBE yet; it will be specialized once more.")
    command = state.cmd_line or ""
    if state.setup_type and command and not OWN_COMMANDS.intersection(_words(command)):
        yield warning(
            f"The next boot would run {command}, which generalizing replaces.",
            "Boot the image and let it finish, where it matters.",
        )


def _words(command: str) -> list[str]:
    return command.lower().replace("\\", " ").replace('"', " ").split()
