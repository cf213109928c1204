"""Reading files of the image that only some images have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from reseal.checks.declaration import NotCheckableError
from reseal.tree import TreeError

if TYPE_CHECKING:
    from reseal.session import Session

#: Configuration files of real machines stay far below this; a hostile one may have any size.
MAX_SIZE = 16 << 20


def content(session: Session, path: str) -> bytes | None:
    """Return a file's content, None where there is no such file.

    Raises:
        NotCheckableError: it is there, and can't be read or is larger than any real one.
    """
    stat = session.files.stat(path)
    if stat is None or stat.is_directory:
        return None
    if stat.size > MAX_SIZE:
        msg = f"{path} has {stat.size} bytes, more than any real file of this kind."
        raise NotCheckableError(msg)
    try:
        return session.files.read(path)
    except TreeError as error:
        raise NotCheckableError(error.message) from error


def xml(session: Session, path: str) -> etree._Element | None:
    """Return the root element of an XML file, None where there is no such file.

    Raises:
        NotCheckableError: it is there, and is no well-formed XML or can't be read.
    """
    data = content(session, path)
    if data is None:
        return None
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        msg = f"{path} is no well-formed XML."
        raise NotCheckableError(msg) from error
    if root.getroottree().docinfo.internalDTD is not None:
        msg = f"{path} declares a document type, which no real file of this kind does."
        raise NotCheckableError(msg)
    return root


def local_name(element: etree._Element) -> str:
    """An element's name without its namespace; empty for what is no element."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""
