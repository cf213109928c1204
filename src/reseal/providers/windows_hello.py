"""Windows Hello, and keys that the TPM of the old machine protects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.certificates import CRYPTO
from reseal.providers.declaration import provider
from reseal.providers.places import empty, files_below
from reseal.tree import join

if TYPE_CHECKING:
    from reseal.session import Session

#: Below Windows.
CONTAINERS = r"ServiceProfiles\LocalService\AppData\Local\Microsoft\Ngc"
PLATFORM_KEYS = join(CRYPTO, "PCPKSP")
_DEPTH = 2
_PLATFORM_KEY = ".pcpkey"


@provider(
    "windows-hello",
    "Delete Windows Hello containers and keys that the old machine's TPM protects",
    mark=Mark.REPORTED,
    source="places: https://call4cloud.nl/2021/12/married-with-systemboards-976-tpm/ and many "
    "administrators, who delete the folder Ngc to set Windows Hello up again",
    default=False,
    beyond=True,
    identity="the Windows Hello containers and the keys of the old machine's TPM",
    renewal="Users set up their PIN again, and Windows creates keys in the clone's own TPM.",
)
def windows_hello(session: Session) -> None:
    r"""PINs and biometric logons of users, and keys that only the old TPM opens.

    Windows Hello keeps a container for each user in `Ngc`, named in it by SID. Keys of the platform
    provider are in `Crypto\PCPKSP`, wrapped by the TPM. On another machine neither can be opened: users
    can't log on by PIN, and a join fails. Sysprep is not known to remove them.

    reseal deletes the containers of all users and the files of the keys. Passwords stay. A user without a
    password can't log on afterwards.
    """
    empty(session, session.installation.path(CONTAINERS))
    for path in list(files_below(session, PLATFORM_KEYS, _DEPTH)):
        if path.lower().endswith(_PLATFORM_KEY):
            session.delete_file(path)
