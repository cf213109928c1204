import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.ntfs import security
from reseal.testing.volumes import File, Folder
from reseal.tree import TreeError
from tests.ntfs import oracle
from tests.ntfs.conftest import opened, writable
from tests.ntfs.judges import judge
from tests.ntfs.sddl import descriptor

OURS = "O:BAG:SY"
USER = "S-1-5-21-1-2-3-1001"
PARENT = f"O:{USER}G:{USER}"


@pytest.mark.parametrize(
    ("parent", "file", "folder"),
    [
        pytest.param(
            "D:AI(A;OICI;FA;;;SY)(A;OICIID;RX;;;BU)",
            "D:AI(A;ID;FA;;;SY)(A;ID;RX;;;BU)",
            "D:AI(A;OICIID;FA;;;SY)(A;OICIID;RX;;;BU)",
            id="to files and folders",
        ),
        pytest.param(
            "D:AI(A;OI;FA;;;SY)(A;CI;RX;;;BU)(A;;RX;;;WD)",
            "D:AI(A;ID;FA;;;SY)",
            "D:AI(A;OIIOID;FA;;;SY)(A;CIID;RX;;;BU)",
            id="to one kind only",
        ),
        pytest.param(
            "D:AI(A;OICINP;FA;;;SY)(A;OINP;RX;;;BU)",
            "D:AI(A;ID;FA;;;SY)(A;ID;RX;;;BU)",
            "D:AI(A;ID;FA;;;SY)",
            id="one level down",
        ),
        pytest.param(
            "D:AI(A;OICIIO;GA;;;CO)(A;OICIIO;GA;;;CG)(A;OICI;GRGX;;;BU)",
            "D:AI(A;ID;FA;;;BA)(A;ID;FA;;;SY)(A;ID;RX;;;BU)",
            "D:AI(A;ID;FA;;;BA)(A;OICIIOID;GA;;;CO)(A;ID;FA;;;SY)(A;OICIIOID;GA;;;CG)"
            "(A;ID;RX;;;BU)(A;OICIIOID;GRGX;;;BU)",
            id="creator and generic rights",
        ),
        pytest.param(
            "D:(A;OICI;FA;;;SY)(D;OICI;RX;;;BU)",
            "D:(A;;FA;;;SY)(D;;RX;;;BU)",
            "D:(A;OICI;FA;;;SY)(D;OICI;RX;;;BU)",
            id="without automatic inheritance",
        ),
        pytest.param(
            "D:AI(A;;FA;;;BU)",
            "D:(A;;FA;;;SY)(A;;FA;;;BA)",
            "D:(A;;FA;;;SY)(A;;FA;;;BA)",
            id="nothing to inherit",
        ),
        pytest.param(
            "D:AI(A;OICI;FA;;;SY)S:AI(AU;OICISAFA;FA;;;WD)(ML;OICI;NW;;;LW)",
            "D:AI(A;ID;FA;;;SY)S:AI(AU;IDSAFA;FA;;;WD)(ML;ID;NW;;;LW)",
            "D:AI(A;OICIID;FA;;;SY)S:AI(AU;OICIIDSAFA;FA;;;WD)(ML;OICIID;NW;;;LW)",
            id="audit and label",
        ),
    ],
)
def test_descriptors_are_inherited_by_the_documented_rules(
    parent: str, file: str, folder: str
) -> None:
    given_parent = descriptor(PARENT + parent)
    assert security.inherit(given_parent, directory=False) == descriptor(OURS + file)
    assert security.inherit(given_parent, directory=True) == descriptor(OURS + folder)


@given(st.binary(max_size=200))
def test_a_damaged_parent_is_an_error(raw: bytes) -> None:
    header = struct.pack("<BBHIIII", 1, 0, 0x8004, 0, 0, 0, 20)
    for parent in (raw, header + raw, header + b"\2\0" + raw):
        try:
            made = security.inherit(parent, directory=True)
        except TreeError:
            continue
        assert len(made) >= 20 + 28


def test_files_get_the_descriptors_they_should(make: Callable[..., Path]) -> None:
    parent = descriptor(PARENT + "D:AI(A;OICI;FA;;;SY)(A;OICIIO;GA;;;CO)")
    own = descriptor(f"O:{USER}G:SYD:(A;;FA;;;{USER})")
    path = make(
        {
            "Users": Folder(
                {"inherits": b"1", "sub": {"deep": b"2"}, "own": File(b"3", descriptor=own)},
                descriptor=parent,
            )
        }
    )
    judge(path)
    with opened(path) as volume:
        assert volume.descriptor("Users") == parent
        assert volume.descriptor("Users\\own") == own
        assert volume.descriptor("Users\\inherits") == descriptor(
            OURS + "D:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)"
        )
        sub = volume.descriptor("Users\\sub")
        assert sub == descriptor(OURS + "D:AI(A;OICIID;FA;;;SY)(A;ID;FA;;;BA)(A;OICIIOID;GA;;;CO)")
        assert volume.descriptor("Users\\sub\\deep") == security.inherit(sub, directory=False)
    with writable(path) as volume:
        volume.set_descriptor("Users\\sub\\deep", own)
        for bad in (b"", b"junk", own[:-4], bytes(100)):
            with pytest.raises(TreeError):
                volume.set_descriptor("Users\\own", bad)
    judge(path)
    with oracle.mounted(path) as ntfs:
        found = ntfs.mft.get("Users\\sub\\deep").attributes[0x10][0].security_id
        assert str(ntfs.secure.lookup(found).owner) == USER
        # One descriptor in $Secure serves both files.
        assert ntfs.mft.get("Users\\own").attributes[0x10][0].security_id == found


def test_thousands_of_descriptors_fill_secure_in_order(make: Callable[..., Path]) -> None:
    path = make({"folder": {}}, size=32 << 20)
    with writable(path) as volume:
        for number in range(1500):
            name = f"folder\\{number}"
            volume.create(
                name, descriptor=descriptor(f"O:S-1-5-21-7-8-9-{number}G:SYD:(A;;FA;;;SY)")
            )
    judge(path)
