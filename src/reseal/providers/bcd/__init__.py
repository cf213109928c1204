"""Boot entries of this Windows."""

from __future__ import annotations

from reseal.mark import Mark
from reseal.providers.declaration import provider


@provider(
    "bcd",
    "Detect the HAL at boot, and locate a Windows whose partition is gone",
    mark=Mark.INFERRED,
    source="detecthal: documented (BCD Reference, BcdOSLoaderBoolean_DetectKernelAndHal); that "
    "specialize removes it again: seen in a setupact.log (SpecializeBcdStore); which devices Sysprep "
    "makes located: seen in a setupact.log of Server 2008 R2 (GeneralizeBcdStore), reported in a bcdedit "
    "listing before and after; which of these an offline run needs: inferred",
    entry_points=("spbcd.dll,Sysprep_Generalize_Bcd",),
    work="reseal.providers.bcd.entries:generalize",
)
def bcd() -> None:
    r"""The boot entries, and the partitions that they start from.

    The store is on the EFI system partition or the active partition. Its entries name partitions by the
    ids of partition and disk, which reseal never changes. Sysprep replaces those of this Windows (loader,
    resume application, boot manager, memory tester) with located devices: the first volume that has
    `\Windows\System32\winload.efi`. At the next boot specialize names partitions again.

    reseal sets `detecthal` for the loader of this Windows and keeps its partitions named: a copy of the
    disk has the same ids and boots at once, while a located device takes the first Windows of any
    attached disk. A loader or resume application whose partition is not on this disk could not start
    anything. reseal makes it a located device, as Sysprep does, but only if the image holds exactly one
    Windows; otherwise it might find another. `--locate-boot-devices` makes the other devices located as
    well, under the same condition, for an image whose volumes are copied one by one to a disk with other
    ids. The boot manager of Vista does not know located devices, so its partitions stay. The boot manager
    and the memory tester keep theirs: the firmware starts the boot manager, and the memory tester never
    starts by itself.
    """
