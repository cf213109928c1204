"""Volumes that BitLocker encrypts: opened as devices that show them decrypted.

reseal reads them itself, with AES of pycryptodomex. Measured against libbde in ranges of 256 KiB, that
is two to six times as fast for AES-XTS and AES-CBC, and as fast for the diffuser. It also reads maps of
"encrypt on write" that lie above 4 GiB, keeps native code that parses the image's metadata out, and needs
nothing more to be installed.
"""

from typing import TYPE_CHECKING

from reseal.bitlocker.errors import LockedError, MetadataError
from reseal.bitlocker.header import encrypted
from reseal.later import later

if TYPE_CHECKING:
    from reseal.bitlocker.keys import Key
    from reseal.bitlocker.metadata import offers
    from reseal.bitlocker.volume import OpenVolume

__all__ = ["Key", "LockedError", "MetadataError", "OpenVolume", "encrypted", "offers"]

# Most disks have no such volume, and numpy takes long to load.
__getattr__ = later(__name__, Key="keys", OpenVolume="volume", offers="metadata")
