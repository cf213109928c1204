"""Clients of the key management service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, note, warning
from reseal.mark import Mark
from reseal.providers.licensing import is_rearmed
from reseal.windows import licensing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session


@check(
    "kms-client",
    "The copy of Windows is not known to be a client of a key management service.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, askcore blog of 2011-05-11: the rearm renews the client machine id; without it all "
    "clones count as one client. What tells a client: see reseal.windows.licensing. Office: Microsoft, Rearm "
    "a volume licensed version of Office installed in an operating system image",
)
def kms_client(session: Session) -> Iterable[Finding]:
    """Clients share a client machine id (CMID) until the activation is rearmed.

    A key management service counts clients by this id and activates none until 25 (clients) or 5
    (servers) are counted. The id is in the sealed license store, so only a rearm in Windows renews it.
    """
    registry = session.registry
    if office := licensing.office_host(registry):
        yield warning(
            f"Office activates by a key management service (with the host {office}). Unless it was rearmed, "
            "all copies have one client machine id (CMID), and the service counts them as one client.",
            "Rearm Office in Windows before the image is made (ospprearm.exe in the folder of Office), or "
            "run that program in each copy, for example with --firstboot-command.",
        )
    if not licensing.is_kms_client(registry):
        return
    host = licensing.kms_host(registry)
    by = f", with the host {host}" if host else ""
    message = f"Windows activates by a key management service (KMS{by})."
    if is_rearmed(session):
        yield note(f"{message} The rearm at the first boot renews the client machine id (CMID).")
    else:
        yield warning(
            f"{message} Without a rearm all copies have one client machine id (CMID), so the service counts "
            "them as one client, and its threshold may never be met.",
            "Use --rearm, as Sysprep does. It runs `slmgr /rearm` at the first boot, which may use up one of "
            "a number of rearms that can't be read from a powered-off image.",
        )
