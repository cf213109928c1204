"""FAT volumes inside a device: enough of them to change a file of an EFI system partition.

Why a reader of reseal's own: the partition lies inside a container, behind a `Device`. mtools works on
files only, so the whole partition (100 MiB and more) would have to be copied out and in again for the
4 KiB that change. pyfatfs writes, but rests on the abandoned PyFilesystem2, reads the whole table into
memory and follows chains without a bound. What is needed here is small, since a file that is there
already gets new content: no names are made, no directories change but for one entry's size.
fsck.vfat and mtools judge it in the tests.
"""

from reseal.fat.errors import FatError, NotFatError
from reseal.fat.volume import FatVolume

__all__ = ["FatError", "FatVolume", "NotFatError"]
