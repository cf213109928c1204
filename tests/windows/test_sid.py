import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.windows import Sid


def test_a_real_sid_reads_as_windows_shows_it() -> None:
    data = bytes.fromhex("010400000000000515000000aedc8388e68e40274be3211e")
    sid = Sid.from_bytes(data)
    assert str(sid) == "S-1-5-21-2290343086-658542310-505537355"
    assert sid.to_bytes() == data
    assert sid.is_machine
    assert str(sid.relative(500)).endswith("-500")


@given(
    st.integers(0, (1 << 48) - 1), st.lists(st.integers(0, (1 << 32) - 1), min_size=1, max_size=15)
)
def test_text_and_binary_are_two_forms_of_one_thing(authority: int, subs: list[int]) -> None:
    sid = Sid(authority, tuple(subs))
    assert Sid.parse(str(sid)) == Sid.from_bytes(sid.to_bytes()) == sid


@pytest.mark.parametrize(
    "text", ["", "S-1", "S-1-5", "S-2-5-21", "S-1-5-99999999999", "S-1-5-4294967296", "x"]
)
def test_what_is_no_sid_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Sid.parse(text)


@pytest.mark.parametrize(
    "data", [b"", b"\1", b"\2\1" + bytes(10), b"\1\x10" + bytes(80), b"\1\4" + bytes(20)]
)
def test_bytes_that_are_no_sid_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        Sid.from_bytes(data)
