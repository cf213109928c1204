r"""The recovery environment on its own partition.

Its files come from the image: `System32\Recovery\Winre.wim` and `Boot\DVD\…\boot.sdi` are copied to
`\Recovery\WindowsRE` (documented: Microsoft, "Deploy Windows RE"; boot.sdi in the same folder: seen). The
store gets the environment's loader (`reseal.bcd.build`). ReAgent.xml, where Windows records the place, gets
the loader's id and the partition (form: seen in a real file; for an MBR disk inferred).
"""

from __future__ import annotations

from uuid import UUID

from lxml import etree

from reseal import xml
from reseal.disk import VolumeRange
from reseal.errors import ImageError
from reseal.ntfs import Volume
from reseal.session import Mark, Session
from reseal.windows import Installation, content

FOLDER = r"\Recovery\WindowsRE"
IMAGE = r"System32\Recovery\Winre.wim"
AGENT = r"System32\Recovery\ReAgent.xml"
_RAM_DISKS = (r"Boot\DVD\EFI\boot.sdi", r"Boot\DVD\PCAT\boot.sdi")
_MAX_AGENT = 64 << 10
_CHUNK = 16 << 20
#: Space of the partition that the file system itself needs.
_OVERHEAD = 64 << 20


def require(installation: Installation, size: int) -> None:
    """Raise ImageError unless the image has a recovery environment that fits into `size` bytes."""
    stat = installation.tree.stat(installation.path(IMAGE))
    if stat is None or stat.is_directory or not stat.size:
        msg = f"{installation.path(IMAGE)} is missing, so a recovery partition would be empty."
        raise ImageError(
            msg,
            "Omit --recovery, or disable Windows RE in the image before it is captured "
            "(reagentc /disable puts the file there). No disk was made.",
        )
    if stat.size + _OVERHEAD > size:
        msg = f"{installation.path(IMAGE)} ({stat.size >> 20} MiB) does not fit into its partition."
        raise ImageError(msg, "Omit --recovery. No disk was made.")
    _ram_disk(installation)


def fill(installation: Installation, volume: Volume) -> None:
    """Copy the environment to its empty volume."""
    folder = ""
    for part in FOLDER.strip("\\").split("\\"):
        folder = f"{folder}\\{part}" if folder else part
        volume.make_directory(folder)
    volume.create(rf"{folder}\boot.sdi", content.read(installation.tree, _ram_disk(installation)))
    source, target = installation.path(IMAGE), rf"{folder}\Winre.wim"
    volume.create(target)
    stat = installation.tree.stat(source)
    for start in range(0, stat.size if stat else 0, _CHUNK):
        volume.patch(target, start, installation.tree.read(source, start, _CHUNK))


def register(session: Session, place: VolumeRange, loader: UUID) -> None:
    """Stage the environment's place in ReAgent.xml.

    Args:
        session: the opened installation.
        place: the recovery partition.
        loader: the id of the environment's loader in the boot store.
    """
    root = _agent(session)
    if root is None:
        session.note(
            f"{session.installation.path(AGENT)} is missing or damaged. Windows does not know the recovery "
            "partition until you run reagentc /enable; the boot menu knows it."
        )
        return
    mbr = place.scheme == "mbr"
    wanted = {
        "WinreBCD": {"id": f"{{{loader}}}"},
        "WinreLocation": {
            "path": FOLDER,
            "id": str(int(place.disk, 16)) if mbr else "0",
            "offset": str(place.offset),
            "guid": f"{{{UUID(int=0) if mbr else place.disk}}}",
        },
        "InstallState": {"state": "1"},
    }
    for name, attributes in wanted.items():
        element = root.find(name)
        if element is None:
            element = etree.SubElement(root, name)
        for key, value in attributes.items():
            element.set(key, value)
    _write(session, root)


def forget(session: Session) -> None:
    """Note that the environment was left behind, if it was on another partition of the old disk."""
    root = _agent(session)
    state = None if root is None else root.find("InstallState")
    if state is not None and state.get("state") == "1":
        session.note(
            "The recovery environment of this Windows is on another partition of the old disk and not on "
            "the new one; reagentc /enable searches for it again."
        )


def move(session: Session, old: int, new: int) -> None:
    """Stage in ReAgent.xml that a partition begins at another byte.

    Args:
        session: the opened installation.
        old: its first byte before.
        new: its first byte now.
    """
    root = _agent(session)
    found = [] if root is None else [one for one in root.iter() if one.get("offset") == str(old)]
    for one in found:
        one.set("offset", str(new))
    if root is not None and found:
        _write(session, root)


def _agent(session: Session) -> etree._Element | None:
    """Read ReAgent.xml; return None if it is missing or damaged."""
    path = session.installation.path(AGENT)
    stat = session.files.stat(path)
    if stat is None or stat.is_directory or stat.size > _MAX_AGENT:
        return None
    try:
        return xml.parse(session.files.read(path), comments=True)
    except xml.XmlError:
        return None


def _write(session: Session, root: etree._Element) -> None:
    data = etree.tostring(root, xml_declaration=True, encoding="utf-8")
    with session.acting("recovery", Mark.INFERRED):
        session.write_file(session.installation.path(AGENT), data)


def _ram_disk(installation: Installation) -> str:
    for path in _RAM_DISKS:
        stat = installation.tree.stat(installation.path(path))
        if stat and not stat.is_directory and 0 < stat.size < _OVERHEAD // 4:
            return installation.path(path)
    msg = f"{installation.path(_RAM_DISKS[0])} is missing; the recovery environment starts from it."
    raise ImageError(msg, "Omit --recovery. No disk was made.")
