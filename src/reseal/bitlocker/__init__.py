"""BitLocker volumes, opened as devices that show the decrypted content.

reseal reads them with its own code and the AES of pycryptodomex. In ranges of 256 KiB it is two to six
times as fast as libbde for AES-XTS and AES-CBC, and as fast for the diffuser. It also reads maps of
"encrypt on write" above 4 GiB, parses the image's metadata without native code, and needs no other
package.
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

# Most disks have no BitLocker volume, and numpy loads slowly.
__getattr__ = later(__name__, Key="keys", OpenVolume="volume", offers="metadata")
