"""Microsoft Entra, workplace joins and device management."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, note, warning
from reseal.mark import Mark
from reseal.providers.cloud_join import cloud_join as provider
from reseal.providers.identities import look
from reseal.windows import cloud

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session


@check(
    "cloud-join",
    "The machine is neither joined to Microsoft Entra nor enrolled in device management.",
    mark=Mark.REPORTED,
    source="places of the join: see the provider cloud-join; that copies share one device identity: "
    "https://github.com/EUCweb/BIS-F/issues/84",
)
def cloud_join(session: Session) -> Iterable[Finding]:
    """Copies of a joined device are one device to its directory and to device management.

    Sysprep is not supported on such a device, and does not leave the directory.
    """
    joins, enrollments = cloud.joins(session.registry), cloud.enrollments(session.registry)
    if not joins and not enrollments:
        # A device that left, or was reset, may keep its certificate.
        left = [place for one in look(session.installation, [provider]) for place in one.places]
        if left and provider.is_off(session.switches):
            yield warning(
                "The machine keeps a device certificate or other data of a Microsoft Entra join that it no "
                "longer has. Every copy would share it.",
                "Remove it with --enable cloud-join.",
                items=left,
            )
        return
    said = [
        f"joined to Microsoft Entra, tenant {one.tenant}, by {one.user or 'an unknown user'}"
        for one in joins
        if one.account is None
    ]
    said += [
        f"workplace join of {one.user or one.account} to the tenant {one.tenant}"
        for one in joins
        if one.account is not None
    ]
    said += [
        f"enrolled in device management (MDM, {one.provider}) by {one.user or 'an unknown user'}"
        for one in enrollments
    ]
    message = f"The machine has an identity in the cloud: {'; '.join(said[:3])}"
    message += "; and more." if len(said) > len(said[:3]) else "."
    if provider.is_off(session.switches):
        yield warning(
            f"{message} Every copy would share it.",
            "Build the image on a machine that was never joined; or remove it with --enable cloud-join, "
            "and join each copy.",
            items=said,
        )
    else:
        yield note(f"{message} Generalizing removes it.", items=said)
