"""Sectors by which an image is known again while a merge into it is half done.

Each sector that a merge writes is either as it was or as it will be, however often the merge was
interrupted. An image where one of them is neither has been replaced by another, be it an older
copy of the same machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from reseal.disk.chain import Link
from reseal.disk.formats import ContainerFile
from reseal.disk.formats.qcow2 import allocated_clusters
from reseal.disk.nbd import connect
from reseal.disk.served import serve_link
from reseal.sandbox import Limits
from reseal.worker import run_worker

_SECTOR = 512
_CLUSTER = 64 << 10  # of the overlays that qemu-img makes
_CLUSTERS = 48
_IDENTITY = (0, _SECTOR)  # of an MBR and of a GPT disk


class Sample(NamedTuple):
    """One sector of a disk: its offset, and the digests of what it was and of what it will be."""

    offset: int
    before: str
    after: str


def take_samples(link: Link, overlay: Path, *, subject: str) -> list[Sample]:
    """Choose sectors among those that a merge is going to write, and one with the disk's id.

    Args:
        link: the image, as it is before the merge.
        overlay: the qcow2 that will be merged into the image.
        subject: the image's name in errors.

    Raises:
        ImageError: the image can't be read.
    """
    with ContainerFile(overlay) as file:
        clusters = sorted(allocated_clusters(file))
    offsets = [*_IDENTITY, *clusters[:: len(clusters) // _CLUSTERS + 1]]
    with (
        serve_link(link, None, subject=subject) as old,
        serve_link(link, overlay, subject=subject) as new,
    ):
        limits = Limits(sockets=(old, new))
        found = run_worker(lambda _: _compare(old, new, offsets), subject=subject, limits=limits)
    return parse_samples(found)


def parse_samples(rows: Iterable[Sequence[object]]) -> list[Sample]:
    """Check what a worker or a file says the samples are.

    Raises:
        ValueError: they are none.
    """
    samples = [Sample(*row) for row in rows]  # type: ignore[arg-type]
    for sample in samples:
        if [type(part) for part in sample] != [int, str, str] or sample.offset < 0:
            raise ValueError(sample)
    return samples


def fits(link: Link, samples: Sequence[Sample], *, subject: str) -> bool:
    """Tell whether each sample of an image is as it was, or as it will be.

    Args:
        link: the image.
        samples: sectors with their digests before and after the merge.
        subject: the image's name in errors.

    Raises:
        ImageError: the image can't be read.
    """
    return progress(link, samples, subject=subject) is not None


def progress(link: Link, samples: Sequence[Sample], *, subject: str) -> int | None:
    """Count the samples of an image that are as they will be and were not.

    Args:
        link: the image.
        samples: sectors with their digests before and after the merge.
        subject: the image's name in errors.

    Returns:
        None where one is neither as it was nor as it will be: it is another image.

    Raises:
        ImageError: the image can't be read.
    """

    def look(socket_path: Path) -> list[str]:
        device = connect(socket_path, read_only=True)
        return [_digest(device.read(sample.offset, _SECTOR)) for sample in samples]

    with serve_link(link, None, subject=subject) as socket_path:
        digests = run_worker(
            lambda _: look(socket_path), subject=subject, limits=Limits(sockets=(socket_path,))
        )
    pairs = list(zip(samples, digests, strict=True))
    if any(digest not in {sample.before, sample.after} for sample, digest in pairs):
        return None
    return len([one for one, digest in pairs if digest == one.after != one.before])


def _compare(old: Path, new: Path, offsets: Sequence[int]) -> list[Sample]:
    """Find in each cluster the sector that tells most: one with content, which a merge changes."""
    before, after = connect(old, read_only=True), connect(new, read_only=True)
    samples = []
    for offset in offsets:
        size = min(_CLUSTER, before.size - offset)
        was, will_be = _sectors(before.read(offset, size)), _sectors(after.read(offset, size))
        telling = [(any(one), one != other) for one, other in zip(was, will_be, strict=True)]
        best = telling.index(max(telling))
        place = offset + best * _SECTOR
        samples.append(Sample(place, _digest(was[best]), _digest(will_be[best])))
    return samples


def _sectors(data: bytes) -> list[bytes]:
    return [data[start : start + _SECTOR] for start in range(0, len(data), _SECTOR)]


def _digest(sector: bytes) -> str:
    return hashlib.blake2b(sector, digest_size=12).hexdigest()
