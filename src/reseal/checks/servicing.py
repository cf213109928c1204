"""Servicing operations that are pending until the next boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, error
from reseal.mark import Mark
from reseal.windows import setup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

CBS = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing"
#: Keys that exist only while a restart is pending.
PENDING = ("RebootPending", "RebootInProgress", "PackagesPending")

_HINT = (
    "Boot the image, let Windows finish its updates, restart it once more and shut it down; then run "
    "this command again."
)


@check(
    "servicing",
    "No servicing is pending.",
    mark=Mark.REPORTED,
    source="keys of Component Based Servicing: administrators' scripts that look for a pending restart "
    "(reported); SETUPEXECUTE: seen empty in a finished installation, its other name: interoperability "
    "notes (reported); pending.xml: practice of image "
    "builders (inferred); that Sysprep asks for pending operations: seen in a log",
    entry_points=("spopk.dll,Sysprep_Clean_Validate_Opk",),
    order=30,  # the state of Windows as a whole
)
def servicing(session: Session) -> Iterable[Finding]:
    r"""Updates that finish at the next boot would run on a machine that is not set up yet.

    Signs of pending servicing: `WinSxS\pending.xml`, the keys with which Component Based Servicing
    requests a restart, or a string other than setupcl.exe in SETUPEXECUTE or SETUPEXECUTENOPNPSYNC.
    """
    pending = session.installation.path(r"WinSxS\pending.xml")
    if session.files.stat(pending) is not None:
        yield error(f"Servicing is pending: {pending} exists.", _HINT)
    for name in PENDING:
        key = session.registry.key(rf"{CBS}\{name}")
        # Some versions keep PackagesPending even if it is empty (inferred).
        if key is not None and (name != "PackagesPending" or any(True for _ in key.subkeys())):
            yield error(f"Servicing is pending: Component Based Servicing has {name}.", _HINT)
    for control_set in session.registry.control_sets:
        manager = setup.SESSION_MANAGER.replace("CurrentControlSet", control_set)
        for name in setup.SETUPEXECUTE_NAMES:
            others = setup.executed_beside(session.registry, manager, name)
            if others:
                yield error(
                    f"Servicing is pending: {name} of {control_set} holds {', '.join(others)}.",
                    _HINT,
                )
