"""Security descriptors from text; impacket reads them back."""

from __future__ import annotations

import pytest

from reseal.errors import UsageError
from reseal.windows import sddl
from reseal.windows.sid import Sid
from tests.ntfs import sddl as other

MACHINE = Sid(5, (21, 1, 2, 3))


def read(data: bytes) -> tuple[str, str, list[tuple[str, int, int, str]]]:
    """Owner, group and the entries of the access list, as impacket reads them."""
    from impacket.ldap.ldaptypes import SR_SECURITY_DESCRIPTOR

    parsed = SR_SECURITY_DESCRIPTOR(data=data)
    assert len(parsed.getData()) == len(data)
    aces = [
        (one["TypeName"], one["AceFlags"], one["Ace"]["Mask"]["Mask"], one["Ace"]["Sid"].formatCanonical())
        for one in parsed["Dacl"].aces
    ]  # fmt: skip
    return parsed["OwnerSid"].formatCanonical(), parsed["GroupSid"].formatCanonical(), aces


def test_a_whole_descriptor() -> None:
    data = sddl.descriptor(
        "O:BAG:SYD:PAI(A;OICI;FA;;;SY)(D;;0x1200a9;;;S-1-5-21-9-8-7-1001)", MACHINE
    )
    owner, group, aces = read(data)
    assert (owner, group) == ("S-1-5-32-544", "S-1-5-18")
    assert aces == [
        ("ACCESS_ALLOWED_ACE", 3, 0x1F01FF, "S-1-5-18"),
        ("ACCESS_DENIED_ACE", 0, 0x1200A9, "S-1-5-21-9-8-7-1001"),
    ]
    assert int.from_bytes(data[2:4], "little") == 0x8000 | 0x4 | 0x1000 | 0x400


def test_what_is_left_out_stays() -> None:
    old = sddl.descriptor("O:SYG:SYD:(A;;FA;;;SY)S:(ML;;NW;;;LW)")
    owner, group, aces = read(sddl.descriptor("O:LA", MACHINE, old))
    assert (owner, group) == ("S-1-5-21-1-2-3-500", "S-1-5-18")
    assert len(aces) == 1
    new = sddl.with_owner(old, Sid.parse("S-1-5-32-544"))
    assert read(new)[0] == "S-1-5-32-544"
    assert new[-100:].count(sddl.sid("LW", None).to_bytes()) == 1


def test_the_same_as_another_encoder_says() -> None:
    text = "O:BAG:SYD:AI(A;OICIID;FA;;;SY)(A;OICIIOID;GA;;;CO)"
    assert read(sddl.descriptor(text)) == read(other.descriptor(text))


@pytest.mark.parametrize(
    "text",
    [
        "", "nonsense", "O:XX", "D:(A;;FA;;;BA)", "O:BAG:SYD:(A;;FA;;;)", "O:BAG:SYD:(A;;QQ;;;BA)",
        "O:BAG:SYD:(OA;;FA;;;BA)", "O:BAG:SYD:(A;;FA;bf967aba-0de6-11d0-a285-00aa003049e2;;BA)",
        "O:BAG:SYD:(XA;;FA;;;BA;(a==1))", "O:BAG:SYD:(AU;SA;FA;;;BA)", "O:BAG:SYD:(A;ZZ;FA;;;BA)",
        "O:BAG:SYD:Q(A;;FA;;;BA)", "O:S-1-5-99999999999999G:SYD:",
    ],
)  # fmt: skip
def test_what_is_no_descriptor_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        sddl.descriptor(text, MACHINE)
