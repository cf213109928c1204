"""Sysprep providers of other products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, NotCheckableError, check, note
from reseal.checks.reading import content
from reseal.mark import Mark
from reseal.providers.plugins import every
from reseal.windows.external import external_providers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session


@check(
    "sysprep-providers",
    "No other product has providers in Sysprep.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep Provider Developer's Guide: SysPrepExternal; vendor: version resource of "
    "the DLL",
)
def sysprep_providers(session: Session) -> Iterable[Finding]:
    """Products can have Sysprep call a DLL of theirs, which only a running Windows can.

    What it would remove stays in the image, unless a provider of reseal does the same.
    """

    def read(path: str) -> bytes | None:
        try:
            return content(session, path)
        except NotCheckableError:
            return None

    emulated = {one.lower() for provider in every() for one in provider.entry_points}
    found = [
        str(one)
        for one in external_providers(session.registry, session.installation.root, read)
        if f"{one.dll},{one.function}".lower() not in emulated
    ]
    if found:
        yield note(
            "Other products have providers in Sysprep, which only a running Windows can call: "
            f"{', '.join(found[:3])}{' and more' if len(found) > len(found[:3]) else ''}.",
            "Ask their vendors how to prepare an image, or uninstall them; --strict refuses such images.",
            items=found,
        )
