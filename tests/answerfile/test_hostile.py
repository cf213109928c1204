"""Damaged answer files: whatever still is XML is checked, shown and changed without a surprise."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml.etree import XMLSyntaxError

from reseal.answerfile import (
    AnswerFile,
    AnswerFileError,
    Pass,
    Target,
    check,
    fill,
    formatted,
    hide_passwords,
    in_own_style,
    mark,
    merge,
    requested_mode,
    scrub,
    show,
    variables,
)
from reseal.answerfile.provisioned import joined_at_specialize
from reseal.answerfile.secrets import secrets
from reseal.errors import ResealError
from reseal.unattend.applier import Work
from reseal.unattend.settings import apply_pass
from tests.answerfile.judges import canonical
from tests.answerfile.samples import OFFLINE
from tests.answerfile.test_processed import TEXT
from tests.builders import session
from tests.conftest import CORPUS

REAL = sorted((CORPUS / "answerfiles").glob("*.xml"), key=lambda path: path.stat().st_size)[:20]
SEEDS = [OFFLINE, TEXT, *(path.read_text("utf-8-sig") for path in REAL)]

#: What is put somewhere into a file.
PIECES = st.sampled_from(
    [
        *("{{ x }}", "$X$", "{% x %}", "%X%", "__X__", "https:", "net use x y /user:z"),
        *("", " ", "\n", "0", "-1", "99999999999", "true", "${x}", "$${x}", "*", ";", "\x85"),
        *("<A/>", "<A>", "</A>", "<!-- -->", "<![CDATA[]]>", "<?p?>", "&amp;", "&#13;", "<", "&"),
        *('wcm:action="add"', 'wcm:keyValue=""', 'pass="x"', "xmlns=''", "<settings/>"),
        *("<component/>", "<Order>1</Order>", "<Value>QQ==</Value>", "<Password>p</Password>"),
        "<PlainText>false</PlainText>",
    ]
)
DAMAGE = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from([0, 0, 1, 7, 40, 400]), PIECES), max_size=4
)


def everything(document: AnswerFile, other: AnswerFile) -> None:
    """Do with a document whatever can be done with one."""
    check(document)
    show(document)
    requested_mode(document)
    image = session()
    for name in Pass:
        try:
            apply_pass(Work(image, document), name)
        except ResealError as error:
            assert error.message  # noqa: PT017
    laid_out = formatted(document)
    assert formatted(laid_out).to_bytes() == laid_out.to_bytes()
    try:
        before = canonical(document.to_bytes(), layout=False)
    except XMLSyntaxError:
        pass  # libxml2 wants names of namespaces to be addresses
    else:
        assert canonical(laid_out.to_bytes(), layout=False) == before
    hide_passwords(document)
    assert not list(secrets(scrub(document).document))
    mark(document, list(Pass))
    fill(document, dict.fromkeys(variables(document), "x<&>"))
    in_own_style(document, {"x", "name"}, architecture="amd64")
    in_own_style(document, (), "jinja")
    joined_at_specialize(document, "amd64")
    check(document, Target("amd64", 14393, languages=frozenset({"en-US"}), edition="Professional"))
    merge(document, other)
    merge(other, document)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SEEDS), st.sampled_from(SEEDS), DAMAGE)
def test_damaged_files(text: str, other: str, damage: list[tuple[float, int, str]]) -> None:
    for place, length, piece in damage:
        start = int(place * len(text))
        text = text[:start] + piece + text[start + length :]
    try:
        document = AnswerFile(text.encode())
    except AnswerFileError as error:
        assert error.message.isprintable()  # noqa: PT017
        return
    everything(document, AnswerFile(other.encode()))


@pytest.mark.parametrize("text", SEEDS[:4])
def test_undamaged_files(text: str) -> None:
    everything(AnswerFile(text.encode()), AnswerFile(SEEDS[0].encode()))
