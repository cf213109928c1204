"""Laying out: white space between tags, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseal.answerfile import AnswerFile, formatted
from tests.answerfile.judges import canonical, texts
from tests.answerfile.samples import HEAD, ROOT, document

UNTIDY = f"""{HEAD}<!-- first -->
{ROOT}<settings pass="specialize"><component name='x'
      language = "neutral">
<A>1</A>   <!-- beside A -->


<!-- above B -->
      <B><C> spaces </C><D/></B>

<E><![CDATA[ <raw> ]]></E></component></settings>
  <settings pass="auditUser"></settings><Extensions xmlns="urn:example"><File>
  keep   this
</File>   </Extensions></unattend>"""

TIDY = f"""{HEAD}<!-- first -->
{ROOT}    <settings pass="specialize">
        <component name='x'
      language = "neutral">
            <A>1</A> <!-- beside A -->

            <!-- above B -->
            <B>
                <C> spaces </C>
                <D/>
            </B>

            <E><![CDATA[ <raw> ]]></E>
        </component>
    </settings>
    <settings pass="auditUser"></settings>
    <Extensions xmlns="urn:example"><File>
  keep   this
</File>   </Extensions>
</unattend>
"""


def test_layout() -> None:
    assert formatted(document(UNTIDY)).to_bytes().decode() == TIDY
    assert formatted(document(TIDY)).to_bytes().decode() == TIDY


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends_and_encoding_stay(newline: str) -> None:
    data = b"\xff\xfe" + UNTIDY.replace("utf-8", "utf-16").replace("\n", newline).encode(
        "utf-16-le"
    )

    laid_out = formatted(AnswerFile(data)).to_bytes()

    assert laid_out.decode("utf-16") == TIDY.replace("utf-8", "utf-16").replace("\n", newline)


_NAMES = st.sampled_from(["Alpha", "Beta", "Gamma"])
_SPACE = st.sampled_from(["", " ", "\n", "\n\n\n\t", "  \r\n"])
_LEAVES = st.builds(
    "<{0}>{1}</{0}>".format,
    _NAMES,
    st.sampled_from(["", "x", " x ", "\n", "&amp;", "<![CDATA[<]]>"]),
)
_NODES = st.recursive(
    st.one_of(_LEAVES, st.just("<!-- comment -->"), st.just("<?pi?>"), st.just("<Empty/>")),
    lambda inner: st.builds(
        lambda name, parts: f"<{name}>{''.join(a + b for a, b in parts)}</{name}>",
        _NAMES,
        st.lists(st.tuples(_SPACE, inner), max_size=4),
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(_SPACE, _NODES), max_size=4), _SPACE)
def test_layout_of_anything_keeps_the_meaning_and_is_stable(
    parts: list[tuple[str, str]], end: str
) -> None:
    body = "".join(space + node for space, node in parts) + end
    text = f'{ROOT}<settings pass="x"><component>{body}</component></settings></unattend>'
    before = document(text)
    after = formatted(before)

    assert canonical(after.to_bytes(), layout=False) == canonical(text.encode(), layout=False)
    leaves = [setting.value for setting in before.settings() if not setting.element.nodes]
    assert [s.value for s in after.settings() if not s.element.nodes] == leaves
    assert texts(after.to_bytes()) == texts(text.encode())
    assert formatted(after).to_bytes() == after.to_bytes()
