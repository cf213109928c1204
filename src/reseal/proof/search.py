"""Search a whole volume, or a folder, for what identified a machine.

A volume is read from end to end as it lies on the disk, and what is found is followed to its file
through the run lists of the MFT. Besides, what does not lie there in one piece is looked at on its
own: the file records with their update sequence undone, the seams of fragmented streams, what NTFS or
CompactOS compressed, and the hives after their logs were replayed.
"""

from __future__ import annotations

import time

from reseal.errors import ImageError
from reseal.fat import FatVolume, NotFatError
from reseal.ntfs import Volume
from reseal.proof.hits import Search
from reseal.proof.identity import MachineIdentity
from reseal.proof.needles import needles, too_short
from reseal.proof.scanner import Scanner
from reseal.proof.seeker import FolderSeeker
from reseal.proof.volume import VolumeSeeker
from reseal.run.opening import Found
from reseal.windows.volumes import labelled, named
from reseal.worker import percents


def search(
    found: Found,
    identity: MachineIdentity,
    *,
    deep: bool = False,
    system_volume_only: bool = False,
) -> Search:
    """Look for an identity on the volumes of a disk, or in the folder that holds an installation.

    Args:
        found: the installation.
        identity: what to look for.
        deep: whether to look at unallocated clusters too.
        system_volume_only: whether only the volume that holds Windows is looked at.

    Raises:
        ImageError: the volume can't be read.
    """
    start = time.perf_counter()
    result = Search(deep=deep)
    result.not_searched += [
        f"{value!r} is too short to be distinguished from chance." for value in too_short(identity)
    ]
    scanner = Scanner(needles(identity))
    if found.volume is None:
        FolderSeeker(found.installation, found.installation.tree, scanner, result).run()
    else:
        tell = percents(found.report, f"Searching volume {found.installation.volume}")
        VolumeSeeker(found.installation, found.volume, scanner, result, tell=tell).run(deep=deep)
        result.volumes.append(f"volume {found.installation.volume}")
        if not system_volume_only:
            _others(found, scanner, result, deep=deep)
    result.seconds = time.perf_counter() - start
    if result.hits.full:
        result.not_searched.append(
            "Too many occurrences were found to list them all; the search stopped there."
        )
    if result.hits.dropped:
        result.not_searched.append(
            f"{result.hits.dropped} more occurrences are in places that are not listed."
        )
    return result


def _others(found: Found, scanner: Scanner, result: Search, *, deep: bool) -> None:
    """Search the disk's other volumes; what can't be searched is named."""
    installation = found.installation
    closed = found.neighbours.closed_volumes
    for part in found.parts:
        name = named(part.number, installation.registry.letters)
        shown = labelled(part.number, installation.registry.letters)
        if part.system or result.hits.full:
            continue
        if part.number in closed:
            result.closed.append(
                f"Volume {part.number} was not searched: it is {closed[part.number]}."
            )
            continue
        if part.number in installation.volumes.others:
            tree = installation.volumes.tree(part.number)
            if isinstance(tree, Volume):
                tell = percents(found.report, f"Searching {shown}")
                VolumeSeeker(installation, tree, scanner, result, name, tell).run(deep=deep)
                result.volumes.append(shown)
            continue
        try:
            fat = FatVolume.open(part.device, name=shown)
        except NotFatError:
            if any(one.startswith(f"{part.number}:") for one in found.neighbours.installations):
                result.not_searched.append(f"Volume {part.number} holds another Windows.")
            continue
        except ImageError as error:
            result.closed.append(f"Volume {part.number} was not searched: {error.message}")
            continue
        FolderSeeker(installation, fat, scanner, result, name).run()
        result.volumes.append(shown)
