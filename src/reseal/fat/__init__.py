"""FAT volumes on a device: read files and replace the content of existing ones.

Existing tools do not fit. The EFI system partition is inside a container, accessed through a `Device`.
mtools works on files only, so changing 4 KiB would copy the whole partition (100 MiB and more) out and in.
pyfatfs depends on the abandoned PyFilesystem2, reads the whole table into memory and follows chains
without a limit. reseal only replaces the content of existing files: it never adds a name, and changes a
directory only to update one entry's cluster and size. The tests check the result with fsck.vfat and
mtools.
"""

from reseal.fat.errors import FatError, NotFatError
from reseal.fat.volume import FatVolume

__all__ = ["FatError", "FatVolume", "NotFatError"]
