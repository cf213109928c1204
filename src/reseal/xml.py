"""XML files of an image as trees, read as what a stranger wrote.

Nothing outside the file is opened, no entity is resolved, and a document type declaration is refused, and
with it every entity that a file could define. Who edits a file and keeps the rest of it to the byte needs
places instead of a tree: `reseal.answerfile.markup` and `reseal.providers.markup` read with expat.
"""

from __future__ import annotations

from lxml import etree


class XmlError(ValueError):
    """A file is not XML that can be read. The message continues a sentence about it."""


def parse(data: bytes, *, comments: bool = False) -> etree._Element:
    """Return the root element of a file, whose size the caller bounds.

    Args:
        data: the file.
        comments: whether comments and processing instructions stay in the tree.

    Raises:
        XmlError: it is not well-formed, or declares a document type.
    """
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False,
        remove_comments=not comments, remove_pis=not comments,
    )  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        msg = f"is not well-formed XML: {getattr(error, 'msg', error)}"
        raise XmlError(msg) from error
    if root.getroottree().docinfo.internalDTD is not None:
        msg = "declares a document type, which no real file of this kind does."
        raise XmlError(msg)
    return root


def local_name(element: etree._Element) -> str:
    """An element's name without its namespace; empty for what is no element."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""
