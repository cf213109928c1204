"""A disk in an OCI image (OCI Image Format Specification 1.0: documented).

The image has one layer, a plain tar with the disk. Its blobs are named by their SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.destinations.machine import Machine

#: QEMU in KubeVirt's pods (documented: KubeVirt, containerDisk).
_OWNER = 107
_LAYOUT = {"imageLayoutVersion": "1.0.0"}
_TYPE = "application/vnd.oci.image"


def pack(disk: Path, target: Path, machine: Machine) -> None:
    """Make an OCI archive (.tar) or an OCI layout (a folder) of a disk.

    Args:
        disk: a qcow2.
        target: the archive or the folder to make.
        machine: what the image says about its machine.
    """
    layout = target if not target.suffix else target.with_name(f"{target.name}.layout")
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    layer, size = _layer(disk, blobs)
    config = {
        "architecture": "arm64" if machine.architecture == "arm64" else "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
        "history": [{"created_by": "reseal"}],
    }
    described = _blob(blobs, config, f"{_TYPE}.config.v1+json")
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_TYPE}.manifest.v1+json",
        "config": described,
        "layers": [
            {"mediaType": f"{_TYPE}.layer.v1.tar", "digest": f"sha256:{layer}", "size": size}
        ],
        "annotations": {"org.opencontainers.image.title": machine.product_name},
    }
    index = {
        "schemaVersion": 2,
        "mediaType": f"{_TYPE}.index.v1+json",
        "manifests": [
            _blob(blobs, manifest, f"{_TYPE}.manifest.v1+json")
            | {"annotations": {"org.opencontainers.image.ref.name": "latest"}}
        ],
    }
    (layout / "oci-layout").write_text(json.dumps(_LAYOUT))
    (layout / "index.json").write_text(json.dumps(index))
    if layout is not target:
        with plain_tar(target) as archive:
            for path in sorted(layout.rglob("*")):
                name = path.relative_to(layout).as_posix()
                add(archive, path, name)
                if path.is_file():
                    path.unlink()  # so that the disk takes its space once more only


def _layer(disk: Path, blobs: Path) -> tuple[str, int]:
    """Write the layer with the disk; return its digest and its size."""
    draft = blobs / "layer"
    with draft.open("wb") as file:
        summed = _Summed(file)
        with tarfile.open(fileobj=summed, mode="w|", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
            folder = tarfile.TarInfo("disk")
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            folder.uid = folder.gid = _OWNER
            archive.addfile(folder)
            add(archive, disk, "disk/disk.qcow2", owner=_OWNER)
    disk.unlink()
    digest = summed.digest.hexdigest()
    draft.rename(blobs / digest)
    return digest, (blobs / digest).stat().st_size


def _blob(blobs: Path, content: dict[str, Any], kind: str) -> dict[str, Any]:
    """Write a JSON document as a blob; return its description."""
    data = json.dumps(content, separators=(",", ":")).encode()
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}


@contextmanager
def plain_tar(target: Path) -> Iterator[tarfile.TarFile]:
    """Write an uncompressed archive."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        yield archive


def add(archive: tarfile.TarFile, path: Path, name: str, owner: int = 0) -> None:
    """Add a file or a folder; time and mode do not depend on this computer.

    Args:
        archive: the archive.
        path: the file.
        name: its name in the archive.
        owner: its user and group.
    """
    member = tarfile.TarInfo(name)
    member.uid = member.gid = owner
    if path.is_dir():
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(member)
        return
    member.size, member.mode = path.stat().st_size, 0o644
    with path.open("rb") as file:
        archive.addfile(member, file)


class _Summed:
    """A file that is being written, with its SHA-256."""

    def __init__(self, file: IO[bytes]) -> None:
        self.digest = hashlib.sha256()
        self._file = file

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self._file.write(data)
