"""Parse untrusted XML files of an image as trees.

The parser opens no external files and resolves no entities. It refuses a document type declaration, and so
any entity definition. Edits that must keep the rest of a file byte for byte need offsets instead of a tree;
for these, `reseal.answerfile.markup` and `reseal.providers.markup` use expat.
"""

from __future__ import annotations

from lxml import etree


class XmlError(ValueError):
    """A file is not readable XML. The message continues a sentence that starts with the file."""


def parse(data: bytes, *, comments: bool = False) -> etree._Element:
    """Return the root element of a file. The caller limits its size.

    Args:
        data: the file.
        comments: whether to keep comments and processing instructions.

    Raises:
        XmlError: the file is not well-formed, or declares a document type.
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
        msg = "declares a document type, which files of this kind don't have."
        raise XmlError(msg)
    return root


def local_name(element: etree._Element) -> str:
    """An element's name without its namespace; empty for comments and processing instructions."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""
