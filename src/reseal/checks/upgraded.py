"""A Windows that was upgraded from an older one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, error
from reseal.mark import Mark
from reseal.windows import setup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

#: Windows 10 1607, the first version that Sysprep supports after an upgrade.
FIRST_SUPPORTED = 14393
#: Every upgrade to Windows 10 adds such a key, for example `Source OS (Updated on 1/14/2016 10:47:31)`.
SOURCE_OS = "source os"
UPGRADE = "upgrade"


@check(
    "upgraded",
    "This Windows was not upgraded, or Sysprep supports it after an upgrade.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep (System Preparation) Overview: Unsupported Scenarios; keys under "
    "SYSTEM\\Setup: seen (Source OS), inferred (Upgrade)",
    order=30,  # the state of Windows as a whole
)
def upgraded(session: Session) -> Iterable[Finding]:
    r"""Before Windows 10 1607, Sysprep supports only new installations, not upgraded ones.

    An upgrade leaves `SYSTEM\Setup\Source OS (Updated on …)` or `SYSTEM\Setup\Upgrade`.
    """
    build = session.installation.build
    key = session.registry.key(setup.SETUP)
    if build is None or build >= FIRST_SUPPORTED or key is None:
        return
    evidence = [
        one.name
        for one in key.subkeys()
        if one.name.lower() == UPGRADE or one.name.lower().startswith(SOURCE_OS)
    ]
    value = key.value(UPGRADE)
    if value is not None and value.decoded:
        evidence.append(f"the value {value.name}")
    if evidence:
        yield error(
            f"This Windows (build {build}) was upgraded from an older version, which Sysprep supports "
            f"only from Windows 10 1607 on: SYSTEM\\Setup holds {', '.join(evidence)}.",
            "Make a clean installation, or upgrade this one to Windows 10 1607 or later.",
        )
