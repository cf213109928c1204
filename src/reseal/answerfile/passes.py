r"""The seven configuration passes, and which of them an image still runs.

Documented: How Configuration Passes Work; Windows Setup Automation Overview. Reported: the meaning
of the numbers under `SYSTEM\\Setup\\Status\\UnattendPasses`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Pass(StrEnum):
    """A configuration pass, named as the `pass` attribute names it."""

    WINDOWS_PE = "windowsPE"
    OFFLINE_SERVICING = "offlineServicing"
    GENERALIZE = "generalize"
    SPECIALIZE = "specialize"
    AUDIT_SYSTEM = "auditSystem"
    AUDIT_USER = "auditUser"
    OOBE_SYSTEM = "oobeSystem"


#: When each pass runs, by its name.
WHEN: dict[str, str] = {
    Pass.WINDOWS_PE: "when Windows Setup starts from its medium, before there is an installation",
    Pass.OFFLINE_SERVICING: "while Windows is offline: by Setup before the first boot, by DISM, "
    "or by reseal",
    Pass.GENERALIZE: "when the image is generalized, before the generalization itself",
    Pass.SPECIALIZE: "at the first boot of the generalized image, once on every machine",
    Pass.AUDIT_SYSTEM: "at every boot into audit mode, as SYSTEM",
    Pass.AUDIT_USER: "in audit mode after the logon, as the built-in Administrator",
    Pass.OOBE_SYSTEM: "before the out-of-box experience, unless the machine boots into audit mode",
}

#: What a generalized image runs when it boots, by the mode it was resealed to.
AFTER_GENERALIZE = {
    "oobe": (Pass.SPECIALIZE, Pass.OOBE_SYSTEM),
    "audit": (Pass.SPECIALIZE, Pass.AUDIT_SYSTEM, Pass.AUDIT_USER),
}

#: The value under UnattendPasses from which a pass is done: nothing more of it is run (reported).
PASS_COMPLETE = 9


def still_to_run(mode: str, done: Mapping[str, int]) -> tuple[Pass, ...]:
    """Return the passes that a generalized image still runs, in order.

    Args:
        mode: `oobe` or `audit`, to which the image boots.
        done: the values under `UnattendPasses`; a missing one means 0, not started.
    """
    return tuple(p for p in AFTER_GENERALIZE[mode] if done.get(p, 0) < PASS_COMPLETE)
