"""Explain XML syntax errors, and what to write instead.

expat reports little more than where it stopped. A few mistakes are common: `&` in a command
or a URL, `--` in a comment, a forgotten or curly quote. This module looks at the text around the place
and names the rule. No message quotes the text, which may be a password.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from xml.parsers import expat

#: How far a quote or an ampersand is looked for: the longest command has 1,024 characters.
_REACH = 4096

_ENTITY = re.compile(r"&#?[0-9A-Za-z_.:-]*\Z")
_LINE_END = re.compile(r"\r\n|\r|\n")
_PROLOGUE = re.compile(r"[ \t\r\n]*(?:<\?[^<>]*>)?[^<>]*")
_CURLY = "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u00ab\u00bb\u2033\u2032"

_ERRORS = expat.errors


class Fault(NamedTuple):
    """A fault of form.

    Attributes:
        offset: where it is in the text.
        problem: what is wrong, without full stop.
        hint: what to do about it, a sentence.
    """

    offset: int
    problem: str
    hint: str


#: Faults that expat distinguishes, with their meaning for the author of an answer file.
_NAMED = {
    _ERRORS.XML_ERROR_NO_ELEMENTS: (
        "the file holds no element",
        "An answer file has one <unattend> element.",
    ),
    _ERRORS.XML_ERROR_TAG_MISMATCH: (
        "this end tag does not match the open element",
        "Each element is closed by an end tag of its own name, the innermost first.",
    ),
    _ERRORS.XML_ERROR_DUPLICATE_ATTRIBUTE: (
        "this tag has an attribute twice",
        "Delete one of the two.",
    ),
    _ERRORS.XML_ERROR_JUNK_AFTER_DOC_ELEMENT: (
        "something follows the end of the root element",
        "An answer file has one <unattend> element and nothing after it.",
    ),
    _ERRORS.XML_ERROR_UNBOUND_PREFIX: (
        "this tag uses a prefix that no xmlns attribute declares",
        (
            'For wcm, write xmlns:wcm="http://schemas.microsoft.com/WMIConfig/2002/State" into the '
            "<unattend> tag."
        ),
    ),
    _ERRORS.XML_ERROR_UNDECLARING_PREFIX: (
        "this tag declares a prefix with an empty namespace",
        'For wcm, write xmlns:wcm="http://schemas.microsoft.com/WMIConfig/2002/State".',
    ),
    _ERRORS.XML_ERROR_MISPLACED_XML_PI: (
        "the XML declaration is not at the start of the file",
        "Delete everything before <?xml, including white space and comments.",
    ),
    _ERRORS.XML_ERROR_XML_DECL: (
        "the XML declaration is not well-formed",
        'Write <?xml version="1.0" encoding="utf-8"?>.',
    ),
    _ERRORS.XML_ERROR_BAD_CHAR_REF: (
        "this reference stands for a character that XML forbids",
        "Delete it; XML can't hold NUL and most control characters.",
    ),
    _ERRORS.XML_ERROR_UNCLOSED_CDATA_SECTION: (
        "the CDATA section that starts here has no end",
        "Close it with ]]>, or fetch the file again if it was cut off.",
    ),
    _ERRORS.XML_ERROR_SYNTAX: (
        "there is text outside of the root element",
        "Delete everything before <unattend …>.",
    ),
}


def fault(text: str, offset: int, code: int, *, is_after_root: bool = False) -> Fault:
    """Return what is wrong where expat stopped.

    Args:
        text: the whole text.
        offset: where expat stopped.
        code: expat's number of the error.
        is_after_root: whether the root element has ended there.
    """
    message = _ERRORS.messages.get(code, "")
    if is_after_root and text.startswith(("</", "&"), offset - 1 if offset else 0):
        return Fault(offset - 1, *_NAMED[_ERRORS.XML_ERROR_JUNK_AFTER_DOC_ELEMENT])
    if message == _ERRORS.XML_ERROR_UNCLOSED_CDATA_SECTION:
        return Fault(max(text.rfind("<![CDATA["), 0), *_NAMED[message])
    if message == _ERRORS.XML_ERROR_UNDEFINED_ENTITY:
        return _ampersand(offset, defined=False)
    if message == _ERRORS.XML_ERROR_UNCLOSED_TOKEN:
        return _unclosed(text, offset)
    if message in _NAMED:
        return Fault(offset, *_NAMED[message])
    return _token(text, offset)


def _ampersand(offset: int, *, defined: bool = True) -> Fault:
    problem = (
        "this & starts no reference that ends with a semicolon"
        if defined
        else "this & starts a reference to an entity that is not defined"
    )
    return Fault(
        offset,
        problem,
        "Write & as &amp;, in commands and URLs too; &lt; &gt; &quot; &apos; are the other four.",
    )


def _unclosed(text: str, offset: int) -> Fault:
    """A tag, comment or instruction that the file ends in."""
    again = "or fetch the file again if it was cut off."
    if text.startswith("<!--", offset):
        return Fault(
            offset, "the comment that starts here has no end", f"Close it with -->, {again}"
        )
    if text.startswith("<?", offset):
        return Fault(
            offset, "the instruction that starts here has no end", f"Close it with ?>, {again}"
        )
    head = text[offset : offset + _REACH]
    line = head.partition(">")[0]
    if line.count('"') % 2 or line.count("'") % 2:
        return Fault(
            offset,
            "a quote in the tag that starts here is not closed",
            'Write both quotes of every attribute: name="value".',
        )
    return Fault(
        offset, "the file ends inside the tag or comment that starts here", f"Close it, {again}"
    )


def _token(text: str, offset: int) -> Fault:
    """Distinguish the causes of expat's "invalid token" by the text around it."""
    start = max(offset - _REACH, 0)
    before = text[start:offset]
    at = text[offset : offset + 1]
    # Comments can be long: people disable whole passes with them.
    if text.rfind("<!--", 0, offset) > text.rfind("-->", 0, offset):
        dashes = offset - 2 if before.endswith("--") else offset
        return Fault(
            dashes,
            "a comment holds --, which is allowed only at its end",
            "Write another character between the hyphens, or delete the comment.",
        )
    if at and ord(at) < 0x20 and at not in "\t\r\n":
        return Fault(
            offset,
            f"there is the control character U+{ord(at):04X} here, which is not well-formed XML",
            "Delete it, or fetch the file again.",
        )
    if at == "&":
        return _ampersand(offset)
    if reference := _ENTITY.search(before):
        return _ampersand(start + reference.start())
    if at == "<":  # anywhere else it would have started a tag
        opened = len(_LINE_END.findall(text, 0, start + max(before.rfind("<"), 0))) + 1
        return Fault(
            offset,
            "this < is inside a tag",
            f"Close the tag that starts on line {opened}, or a quote in it, or write &lt; in the "
            "value of an attribute.",
        )
    tag = before.rfind("<")
    if tag > before.rfind(">"):
        return _in_tag(before[tag:], offset, at)
    if before.endswith("]]") and at == ">":
        return Fault(offset - 2, "a text holds ]]>", "Write it as ]]&gt;.")
    if _PROLOGUE.fullmatch(text[:offset]):
        return Fault(offset, *_NAMED[_ERRORS.XML_ERROR_SYNTAX])
    return Fault(
        offset, "this is not well-formed XML", "Delete the character, or write it as &#number;."
    )


def _in_tag(tag: str, offset: int, at: str) -> Fault:
    """A fault between < and >.

    Args:
        tag: the tag up to the fault.
        offset: where the fault is.
        at: the character there.
    """
    if tag in {"<!", "<!-"} or (tag == "<" and at == "-"):
        return Fault(
            offset,
            "the < before this place starts no tag and no comment",
            "Write a comment between <!-- and -->.",
        )
    if tag.lower() == "<?xml":
        return Fault(offset, *_NAMED[_ERRORS.XML_ERROR_XML_DECL])
    if tag == "<" or (tag == "</" and not at.isalpha()):
        return Fault(
            offset,
            "the < before this place starts no tag, so the text is not well-formed XML",
            "Write < as &lt; in values and commands.",
        )
    inside = tag.rstrip()
    if inside.endswith("="):
        if at and at in _CURLY:
            return Fault(
                offset,
                "the value of this attribute has typographic quotes",
                'Write straight ones: name="value".',
            )
        return Fault(
            offset,
            "the value of this attribute has no quotes",
            'Write it between quotes: name="value".',
        )
    if tag[-1] in "\"'":
        return Fault(
            offset,
            "a space is missing after the value of an attribute",
            "Put a space between two attributes; write a quote in a value as &quot;.",
        )
    if at in {">", "/"} or (tag[-1].isspace() and at.isalpha()):
        return Fault(
            offset, "an attribute in this tag has no value", 'Write name="value", or delete it.'
        )
    return Fault(
        offset,
        "this character is not allowed in a tag",
        'A tag holds a name and attributes, name="value" each, with spaces between them.',
    )
