"""Other people's XML software, which judges ours: libxml2 through lxml."""

from __future__ import annotations

from lxml import etree


def canonical(data: bytes, *, layout: bool = True) -> bytes:
    """Return the canonical form of a document: what it means, without how it is written.

    With `layout` false, white space between tags is left out too.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_blank_text=not layout)
    return etree.tostring(etree.fromstring(data, parser), method="c14n2", with_comments=True)


def texts(data: bytes) -> list[tuple[str, str]]:
    """Return every element without children: its path and its text."""
    root = etree.fromstring(data)
    tree = root.getroottree()
    return [
        (tree.getpath(element), "".join(map(str, element.itertext())))
        for element in root.iter("*")
        if len(element) == 0
    ]
