"""The XML data of a WIM, which describe its images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree

from reseal.wim.errors import WimError
from reseal.wim.file import Wim, open_wim
from reseal.xml import XmlError, parse

#: Maximum plausible count; larger ones are treated as damage.
_MAX_COUNT = 1 << 48

#: At most so many images of a WIM are listed, and so much of a text; install.wim has about a dozen.
_MAX_LISTED, _MAX_TEXT = 1000, 200
#: PROCESSOR_ARCHITECTURE_* of the XML data (documented: SYSTEM_INFO).
_ARCHITECTURES = {"0": "x86", "9": "amd64", "12": "arm64", "5": "arm", "6": "ia64"}

#: Counts and times that libwim computes.
_FROM_TREE = {
    "NAME",
    "DIRCOUNT",
    "FILECOUNT",
    "TOTALBYTES",
    "HARDLINKBYTES",
    "CREATIONTIME",
    "LASTMODIFICATIONTIME",
}
#: Properties that libwim reads from the hives of a tree (seen in version 1.13).
_ADDED_BY_LIBWIM = (
    "FLAGS",
    "DISPLAYNAME",
    "DISPLAYDESCRIPTION",
    *(
        f"WINDOWS/{name}"
        for name in (
            *("ARCH", "PRODUCTNAME", "EDITIONID", "INSTALLATIONTYPE", "HAL", "PRODUCTTYPE"),
            *("PRODUCTSUITE", "LANGUAGES/LANGUAGE", "LANGUAGES/DEFAULT", "SYSTEMROOT"),
            *("VERSION/MAJOR", "VERSION/MINOR", "VERSION/BUILD", "VERSION/SPBUILD"),
            "VERSION/SPLEVEL",
        )
    ),
)


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """The XML data of one image; missing values are None or 0.

    Attributes:
        index: index of the image, from 1.
        name: its name.
        files: number of its files and folders.
        bytes: total size of its files.
    """

    index: int
    name: str | None
    files: int
    bytes: int


def image_facts(path: Path, index: int | None, *, check: bool = False) -> ImageFacts:
    """Return the XML data of one image. Run it in a worker.

    Args:
        path: the file.
        index: index of the image, from 1; None for the only one.
        check: whether to check the integrity table first.

    Raises:
        WimError: the file can't be read, or lacks the image.
    """
    with open_wim(path, check=check) as wim:
        number = wim.require_index(index)
        xml = wim.xml
    image = _image(xml, number, path)
    if image is None:
        return ImageFacts(number, None, 0, 0)
    return ImageFacts(
        number,
        image.findtext("NAME"),
        _number(image, "FILECOUNT") + _number(image, "DIRCOUNT"),
        _number(image, "TOTALBYTES"),
    )


def listed(path: Path) -> list[dict[str, Any]]:
    """Return what the XML data say about each image. Run it in a worker.

    Returns:
        `index`, `name`, `description`, `edition`, `build`, `architecture`, `bytes` and `files` of each; None
        for what is missing.

    Raises:
        WimError: the file can't be read.
    """
    with open_wim(path) as wim:
        count, xml = min(wim.facts.images, _MAX_LISTED), wim.xml
    return [_described(_image(xml, index, path), index) for index in range(1, count + 1)]


def _described(image: etree._Element | None, index: int) -> dict[str, Any]:
    def text(name: str) -> str | None:
        found = (image.findtext(name) or "").strip() if image is not None else ""
        return found[:_MAX_TEXT] or None

    number = (text("WINDOWS/ARCH") or "").removeprefix("0x")
    return {
        "index": index,
        "name": text("NAME"),
        "description": text("DESCRIPTION"),
        "edition": text("WINDOWS/EDITIONID"),
        "build": _number(image, "WINDOWS/VERSION/BUILD") or None if image is not None else None,
        "architecture": _ARCHITECTURES.get(number),
        "bytes": _number(image, "TOTALBYTES") if image is not None else None,
        "files": _number(image, "FILECOUNT") if image is not None else None,
    }


def kept_properties(wim: Wim, index: int) -> dict[str, str]:
    """Return the properties in an image's XML data that do not depend on its tree.

    When a tree is replaced, libwim reads the name and version of Windows again, and its result differs
    from Microsoft's tools. Properties that it would add are in the result as empty text, which removes
    them.
    """
    image = _image(wim.xml, index, wim.path)
    found = dict(_leaves(image, "")) if image is not None else {}
    known = {path.partition("[")[0] for path in found}
    return {path: "" for path in _ADDED_BY_LIBWIM if path not in known} | {
        path: text for path, text in found.items() if path.partition("/")[0] not in _FROM_TREE
    }


def _leaves(element: etree._Element, path: str) -> Iterator[tuple[str, str]]:
    """Yield path (in libwim's notation) and text of each element without children."""
    counts: dict[str, int] = {}
    names = [str(child.tag) for child in element if isinstance(child.tag, str)]
    for child in element:
        if not isinstance(child.tag, str):
            continue
        name = child.tag
        counts[name] = counts.get(name, 0) + 1
        own = f"{path}{name}[{counts[name]}]" if names.count(name) > 1 else f"{path}{name}"
        if len(child):
            yield from _leaves(child, f"{own}/")
        elif child.text and child.text.strip():
            yield own, child.text


def _image(xml: bytes, index: int, path: Path | None) -> etree._Element | None:
    """Find an image in the XML data."""
    try:
        root = parse(xml, comments=True)
    except XmlError as error:
        msg = f"{path} can't be read: its XML data are damaged ({error})."
        raise WimError(msg) from error
    return next((one for one in root.iter("IMAGE") if one.get("INDEX") == str(index)), None)


def _number(image: etree._Element, name: str) -> int:
    text = (image.findtext(name) or "").strip()
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
    return number if number < _MAX_COUNT else 0
