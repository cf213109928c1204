"""The Sysprep provider of Internet Explorer 10 on Windows 7."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, warning
from reseal.mark import Mark
from reseal.windows import setup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

STAGES = ("Cleanup", "Generalize", "Specialize")
#: In lower case.
WRONG = r"\syswow64\iesysprep.dll,"


@check(
    "ie-provider",
    "Internet Explorer's Sysprep providers are registered correctly.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep in Windows 7 may fail after Internet Explorer 10 is installed (KB2868126)",
    sysprep_says="LaunchDll:Could not load DLL C:\\Windows\\SysWOW64\\iesysprep.dll"
    "[gle=0x000000c1]",
    code="0x800700c1",
)
def ie_provider(session: Session) -> Iterable[Finding]:
    """On Windows 7, Internet Explorer 10's setup registers the 32-bit DLL, which can't be loaded.

    Sysprep fails, and specialize fails at the first boot of a clone.
    """
    for stage in STAGES:
        path = rf"{setup.SYSPREP_REGISTRY}\{stage}"
        for value in session.registry.values(path):
            if isinstance(value.decoded, str) and WRONG in value.decoded.lower():
                right = value.decoded.lower().replace("syswow64", "System32")
                yield warning(
                    f"The {stage} provider of Internet Explorer is registered with the wrong DLL: "
                    f"{value.decoded}.",
                    f"Set {path}\\{value.name} to {right}.",
                )
