"""Read optional files of the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import NotCheckableError
from reseal.tree import TreeError
from reseal.xml import XmlError, parse

if TYPE_CHECKING:
    from lxml import etree

    from reseal.session import Session

#: Real configuration files are far smaller; a hostile image may hold a file of any size.
MAX_SIZE = 16 << 20


def content(session: Session, path: str) -> bytes | None:
    """Return a file's content, None if the file does not exist.

    Raises:
        NotCheckableError: the file can't be read, or is larger than any real one.
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
    """Return the root element of an XML file, None if the file does not exist.

    Raises:
        NotCheckableError: the file can't be read, or is not well-formed XML.
    """
    data = content(session, path)
    if data is None:
        return None
    try:
        return parse(data)
    except XmlError as error:
        msg = f"{path} {error}"
        raise NotCheckableError(msg) from error
