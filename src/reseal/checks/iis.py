"""Encrypted credentials in the configuration of IIS."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, warning
from reseal.checks.reading import content
from reseal.mark import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

CONFIGURATION = r"System32\inetsrv\config\applicationHost.config"
#: An encrypted attribute: `[enc:<provider>:<base64>:enc]`; the encrypted content is not captured.
_ENCRYPTED = re.compile(rb"\[enc:(\w{1,64}):")


@check(
    "iis",
    "The configuration of IIS holds no encrypted credentials.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep Support for Server Roles: Web Server; the form of such attributes: "
    "reported",
)
def iis(session: Session) -> Iterable[Finding]:
    """IIS encrypts passwords with machine keys that a clone does not share.

    Microsoft supports Sysprep with IIS, but not with encrypted credentials in applicationHost.config:
    application pools that need them do not start.
    """
    path = session.installation.path(CONFIGURATION)
    found = [name.decode("ascii") for name in _ENCRYPTED.findall(content(session, path) or b"")]
    if found:
        yield warning(
            f"{path} holds {len(found)} encrypted credentials, which a clone can't decrypt.",
            "Remove them before you seal the image and set them again on the clones.",
            items=sorted(set(found)),
        )
