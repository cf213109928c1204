from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.providers.markup import MarkupError, elements, replaced

TEXT = """<?xml version="1.0"{declared}?>
<r xmlns="urn:u" xmlns:p='urn:p'><!-- <no/> --><a/><p:b x="1">t&amp;\u00fc<!-- c --></p:b><?pi <n/>?>
<d><e>1</e></d><f><![CDATA[<x>]]></f></r>
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_elements_and_their_content_are_found_in_every_encoding(encoding: str) -> None:
    text = TEXT.format(declared="")
    if encoding != "utf-8":
        text = "\ufeff" + text
    data = text.encode(encoding)
    found = {one.path[-1]: one for one in elements(data)}
    assert [one.path for one in found.values()][1:3] == [("r", "a"), ("r", "b")]

    def shown(start: int, end: int) -> str:
        return data[start:end].decode(encoding)

    assert {name: shown(one.inner, one.inner_end) for name, one in found.items() if one.leaf} == {
        "a": "", "b": "t&amp;\u00fc<!-- c -->", "e": "1", "f": "<![CDATA[<x>]]>",
    }  # fmt: skip
    assert shown(found["d"].start, found["d"].end) == "<d><e>1</e></d>"
    assert shown(found["a"].start, found["a"].end) == "<a/>"
    cut = [(found[name].start, found[name].end, "") for name in ("d", "e", "a")]
    left = replaced(data, cut).decode(encoding)
    assert left == text.replace("<a/>", "").replace("<d><e>1</e></d>", "")


@given(st.binary(max_size=200))
def test_garbage_is_refused_with_one_error(data: bytes) -> None:
    for text in (data, b"<r>" + data + b"</r>"):
        try:
            found = elements(text)
        except MarkupError:
            continue
        assert all(one.start <= one.inner <= one.inner_end <= one.end for one in found)
