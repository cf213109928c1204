"""Identities of agents and of features of Windows, and whether generalizing removes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, note, warning
from reseal.mark import Mark
from reseal.providers.cloud_join import cloud_join
from reseal.providers.declaration import ENABLED
from reseal.providers.identities import find
from reseal.providers.machine_certificates import machine_certificates

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

#: Providers whose identities have a check of their own.
_OWN_CHECK = (cloud_join, machine_certificates)


@check(
    "kept-identities",
    "No provider that is off would remove an identity from this image.",
    mark=Mark.INFERRED,
    source="what each provider finds, with the mark and the source of the provider",
)
def kept_identities(session: Session) -> Iterable[Finding]:
    """Every provider looks for the identity that it removes, also one that does not run by default.

    What stays is in every copy: agents report as one machine, keys can be used by every copy.
    """
    removed = []
    for one in find(session.installation):
        provider = one.provider
        if provider in _OWN_CHECK:
            continue
        kept = one.by_name and ENABLED + provider.id not in session.switches
        if kept or provider.is_off(session.switches):
            count = len(one.places)
            yield warning(
                f"Every copy would share {provider.identity} ({count} place{'' if count == 1 else 's'}).",
                f"Remove it with --enable {provider.id}. {provider.renewal}".strip(),
                items=one.places,
            )
        elif provider.beyond:
            removed.append(provider.identity)
    if removed:
        what = f"{len(removed)} identities" if len(removed) > 1 else "an identity"
        yield note(f"Generalizing removes {what} that Sysprep leaves.", items=removed)
