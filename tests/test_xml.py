from __future__ import annotations

import pytest

from reseal.xml import XmlError, local_name, parse


def test_a_tree_has_elements_alone_unless_comments_are_wanted() -> None:
    data = (
        b"<?xml version='1.0'?><a xmlns='urn:x'><!-- c --><b>1</b><?pi?><p:d xmlns:p='urn:y'/></a>"
    )
    assert [local_name(one) for one in parse(data)] == ["b", "d"]
    assert [local_name(one) for one in parse(data, comments=True)] == ["", "b", "", "d"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_the_declared_encoding_counts(encoding: str) -> None:
    named = encoding.removesuffix("-sig")
    data = f'<?xml version="1.0" encoding="{named}"?><a>\u00fc</a>'.encode(encoding)
    assert parse(data).text == "\u00fc"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not well-formed"),
        (b"PK\3\4", "not well-formed"),
        (b"<a><b></a>", "not well-formed"),
        (b"<a>" * 10_000, "not well-formed"),
        (b"<a>" * 300 + b"</a>" * 300, "not well-formed"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "not well-formed"),
        (b"<!DOCTYPE a><a/>", "document type"),
        ("<!DOCTYPE a><a/>".encode("utf-16"), "document type"),
        (b'<!DOCTYPE a SYSTEM "http://192.0.2.1/a.dtd"><a/>', "document type"),
        (b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>', "document type"),
        (
            b'<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;</a>',
            "document type",
        ),
    ],
)
@pytest.mark.parametrize("comments", [False, True])
def test_what_no_real_file_is_like_is_refused(data: bytes, problem: str, *, comments: bool) -> None:
    with pytest.raises(XmlError, match=problem):
        parse(data, comments=comments)
