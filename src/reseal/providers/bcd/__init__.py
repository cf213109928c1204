"""Boot entries of this Windows."""

from __future__ import annotations

from reseal.mark import Mark
from reseal.providers.declaration import provider


@provider(
    "bcd",
    "Let the boot loader detect the HAL, and find a Windows whose partition is gone",
    mark=Mark.INFERRED,
    source="detecthal: documented (BCD Reference, BcdOSLoaderBoolean_DetectKernelAndHal); that "
    "specialize takes it out again: seen in a setupact.log (SpecializeBcdStore); which devices Sysprep "
    "makes located: seen in a setupact.log of Server 2008 R2 (GeneralizeBcdStore), reported in a bcdedit "
    "listing before and after; which of that an offline run needs: inferred",
    entry_points=("spbcd.dll,Sysprep_Generalize_Bcd",),
    work="reseal.providers.bcd.entries:generalize",
)
def bcd() -> None:
    r"""What the boot manager starts, and from which partition.

    The store lies on the EFI system partition or the active partition. Its entries name partitions by
    the ids of partition and disk, which no run of reseal ever changes. Sysprep replaces those of this
    Windows (loader, resume application, boot manager, memory tester) by located devices: the first
    volume that has `\Windows\System32\winload.efi`. On the next boot specialize names partitions again.

    reseal sets `detecthal` for the loader of this Windows and leaves its partitions named: a copy of the
    disk has the same ids and boots at once, while a located device takes the first Windows of any disk
    that is attached. A loader or resume application whose partition is not on this disk would start
    nothing; it becomes a located device, as with Sysprep, but only where the image holds exactly one
    Windows: otherwise it might find another. `--locate-boot-devices` makes the others located too, under
    the same condition, for an image whose volumes are to be copied one by one to a disk with other ids.
    The boot manager of Vista knows no located devices: there partitions stay. The boot manager and the
    memory tester keep theirs: the firmware starts the one, and nothing starts the other by itself.
    """
